//! Jobs of a load: files found, read by many workers, put together by one; and what stands in for a load, a stored trace or
//! a synthetic workload. Apart from the questions about what is loaded, which change nothing.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::format::{Issue, Told};
use crate::model::{Marking, Request};
use crate::protocol::job::{Bytes, Job, State, Step, Stepped};
use crate::protocol::{Dataset, Figures, Files, Info, Piece, Seen, SourceFile, Unit, glance};
use crate::synth::{Generator, synthetic_model};

/// Find the units in these files.
#[derive(Serialize, Deserialize)]
pub struct List {
    sources: Vec<SourceFile>,
    told: Told,
    #[serde(skip)]
    work: Option<crate::protocol::List>,
}

impl List {
    /// Of these files.
    #[must_use]
    pub fn new(sources: Vec<SourceFile>) -> Self {
        Self { sources, told: Told::default(), work: None }
    }

    /// With what the reader tells of them.
    #[must_use]
    pub fn telling(self, told: Told) -> Self {
        Self { told, ..self }
    }
}

impl Job for List {
    type Reply = (Vec<Unit>, Vec<Issue>);
    const READS: bool = true;

    fn step(&mut self, state: &mut State, files: &dyn Files) -> Stepped<Self::Reply> {
        let work = self.work.get_or_insert_with(|| {
            state.told.clone_from(&self.told);
            crate::protocol::List::new(std::mem::take(&mut self.sources), std::mem::take(&mut self.told))
        });
        Ok(match work.step(files) {
            Some(found) => Step::Done(found),
            None => running(work.progress()),
        })
    }
}

/// Read units into the load that is under way.
#[derive(Serialize, Deserialize)]
pub struct Ingest {
    units: Vec<Unit>,
    #[serde(skip)]
    work: Option<Box<crate::protocol::Ingest>>,
}

impl Ingest {
    /// These units.
    #[must_use]
    pub fn new(units: Vec<Unit>) -> Self {
        Self { units, work: None }
    }
}

impl Job for Ingest {
    type Reply = ();
    const READS: bool = true;

    fn step(&mut self, state: &mut State, files: &dyn Files) -> Stepped<()> {
        let start = || Box::new(crate::protocol::Ingest::new(std::mem::take(&mut self.units)));
        let work = self.work.get_or_insert_with(start);
        Ok(if work.step(files, &mut state.staged) { running(work.progress()) } else { Step::Done(()) })
    }
}

/// Figures of all layers of what this worker has read of the load under way.
#[derive(Serialize, Deserialize)]
pub struct Glance;

impl Job for Glance {
    type Reply = Figures;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Figures> {
        state.staged.count();
        Ok(Step::Done(glance(&state.staged).ok_or("nothing is read yet")?))
    }
}

/// Count what was read: it has no more to read, others have.
#[derive(Serialize, Deserialize)]
pub struct Count;

impl Job for Count {
    type Reply = ();

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<()> {
        state.staged.count();
        Ok(Step::Done(()))
    }
}

/// Give away the load under way, to the worker that merges.
#[derive(Serialize, Deserialize)]
pub struct Take;

impl Job for Take {
    type Reply = Bytes;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Bytes> {
        let mut staged = std::mem::take(&mut state.staged);
        staged.count();
        Bytes::of(&(&staged, &staged.pieces, &staged.seen)).map(Step::Done)
    }
}

/// Merge a load that another worker gave with [`Take`].
#[derive(Default, Serialize, Deserialize)]
pub struct Merge {
    #[serde(skip)]
    taken: Vec<u8>,
}

impl Job for Merge {
    type Reply = ();

    fn take(&mut self, parcel: Vec<u8>) {
        self.taken = parcel;
    }

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<()> {
        let (dataset, pieces, seen) =
            postcard::from_bytes::<(Dataset, Vec<Piece>, Seen)>(&std::mem::take(&mut self.taken))
                .map_err(|e| format!("a worker's part of the load could not be read: {e}"))?;
        state.staged.merge(Dataset { pieces, seen, ..dataset });
        Ok(Step::Done(()))
    }
}

/// Put together the files that were read in sections; the answer is those that must be read in one go.
#[derive(Serialize, Deserialize)]
pub struct Join;

impl Job for Join {
    type Reply = Vec<Unit>;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Vec<Unit>> {
        Ok(Step::Done(state.staged.join()))
    }
}

/// Give a copy of the requests that are not counted yet.
#[derive(Serialize, Deserialize)]
pub struct Share;

impl Job for Share {
    type Reply = Bytes;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Bytes> {
        let shared: Vec<&Request> = state.staged.uncounted().collect();
        Bytes::of(&shared).map(Step::Done)
    }
}

/// Count the reuse distances of requests that another worker gave with [`Share`], and nothing else.
#[derive(Default, Serialize, Deserialize)]
pub struct CountReuse {
    #[serde(skip)]
    shared: Vec<u8>,
}

impl Job for CountReuse {
    type Reply = ();

    fn take(&mut self, parcel: Vec<u8>) {
        self.shared = parcel;
    }

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<()> {
        let requests = postcard::from_bytes::<Vec<Request>>(&std::mem::take(&mut self.shared))
            .map_err(|e| format!("a worker's requests could not be read: {e}"))?;
        state.staged.merge(Dataset::reuse_of(&requests));
        Ok(Step::Done(()))
    }
}

/// Count all of what was read but reuse distances.
#[derive(Serialize, Deserialize)]
pub struct CountLayers;

impl Job for CountLayers {
    type Reply = ();

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<()> {
        state.staged.count_layers();
        Ok(Step::Done(()))
    }
}

/// The load is complete, with these issues of its listing: it replaces what was loaded before.
#[derive(Serialize, Deserialize)]
pub struct Commit(pub Vec<Issue>);

impl Job for Commit {
    type Reply = Info;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Info> {
        let mut staged = std::mem::take(&mut state.staged);
        staged.issues.extend(self.0.drain(..).map(|i| (0, i)));
        // Halves and ranks that wait for their others: whoever read no file in sections has not joined them.
        let again = staged.join();
        if let Some(unit) = again.first() {
            return Err(format!("{} was read in sections that nobody joined", unit.path).into());
        }
        staged.settle();
        staged.told.clone_from(&state.told);
        let info = staged.info();
        // A load without any request keeps what was there.
        if !info.layers.is_empty() {
            state.trace = staged;
        }
        Ok(Step::Done(info))
    }
}

/// Take the reader's word for what unmarked tokens are, or nobody's.
#[derive(Serialize, Deserialize)]
pub struct Mark(pub Option<Marking>);

impl Job for Mark {
    type Reply = Info;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Info> {
        state.trace.mark(self.0)?;
        Ok(Step::Done(state.trace.info()))
    }
}

/// Forget the load under way.
#[derive(Serialize, Deserialize)]
pub struct Discard;

impl Job for Discard {
    type Reply = ();

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<()> {
        state.staged = Dataset::default();
        Ok(Step::Done(()))
    }
}

/// Opens stored bytes: they are only read by the version that wrote them. After it a line with the name for people, then the
/// XXH3 digest (8 bytes, little endian) of the rest.
pub const STORED: &str = concat!("moescope ", env!("CARGO_PKG_VERSION"), " trace 5\n");
/// Counts of larger traces are not stored: the browser would hold them twice while it writes.
const LARGEST_STORED: usize = 256 << 20;

/// The loaded trace of this digest as bytes that this version reads again, if it is not too large.
#[derive(Serialize, Deserialize)]
pub struct Save {
    /// Digest of its requests.
    pub digest: String,
    /// Its name for people, in one line.
    pub name: String,
}

impl Job for Save {
    type Reply = Bytes;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Bytes> {
        let part = state.trace.part().filter(|p| p.digest() == self.digest).ok_or(crate::protocol::JobError::Void)?;
        if part.summary.table_bytes() > LARGEST_STORED {
            return Err("the trace is too large to be stored".into());
        }
        let head = format!("{STORED}{}\n", self.name.replace(['\n', '\r'], " ")).into_bytes();
        let start = head.len() + 8;
        let mut bytes = head;
        bytes.extend([0; 8]);
        let held = (&state.trace, &state.trace.seen, &state.trace.told);
        let mut bytes = postcard::to_extend(&held, bytes).map_err(|e| e.to_string())?;
        let digest = xxh3_64(&bytes[start..]).to_le_bytes();
        bytes[start - 8..start].copy_from_slice(&digest);
        Ok(Step::Done(Bytes(bytes)))
    }
}

/// Load what [`Save`] gave. Anything else than the trace of this digest is refused, and what was loaded stays.
#[derive(Serialize, Deserialize)]
pub struct Restore {
    digest: String,
    #[serde(skip)]
    stored: Vec<u8>,
}

impl Restore {
    /// The trace of a digest.
    #[must_use]
    pub fn new(digest: String) -> Self {
        Self { digest, stored: Vec::new() }
    }
}

impl Job for Restore {
    type Reply = Info;

    fn take(&mut self, parcel: Vec<u8>) {
        self.stored = parcel;
    }

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Info> {
        let rest = self.stored.strip_prefix(STORED.as_bytes()).ok_or("it was stored by another version of moescope")?;
        let name = rest.iter().position(|&b| b == b'\n').ok_or("it ends within its name")?;
        let (digest, body) = rest[name + 1..].split_first_chunk::<8>().ok_or("it ends within its head")?;
        if xxh3_64(body).to_le_bytes() != *digest {
            return Err("it is damaged: its bytes have another digest than when they were stored".into());
        }
        let (dataset, seen, told): (Dataset, Seen, Told) =
            postcard::from_bytes(body).map_err(|e| format!("it cannot be read: {e}"))?;
        let dataset = Dataset { seen, told, ..dataset };
        let info = dataset.info();
        if info.digest != self.digest || info.synthetic {
            return Err(format!("it holds another trace: digest {}, not {}", info.digest, self.digest).into());
        }
        state.trace = dataset;
        Ok(Step::Done(info))
    }
}

/// Make the synthetic workload of a model; it replaces the one made before, never a loaded trace.
#[derive(Serialize, Deserialize)]
pub struct Synthesize {
    model: String,
    seed: u64,
    #[serde(skip)]
    work: Option<Box<(Generator, Dataset)>>,
}

impl Synthesize {
    /// Of a preset, or of the default if it is empty, and a seed.
    #[must_use]
    pub fn new(model: String, seed: u64) -> Self {
        Self { model, seed, work: None }
    }
}

impl Job for Synthesize {
    type Reply = Info;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Info> {
        if self.work.is_none() {
            let model = synthetic_model(&self.model)?;
            let dataset = Dataset { synthetic: true, ..Dataset::default() };
            self.work = Some(Box::new((Generator::new(model, self.seed), dataset)));
        }
        let (generator, dataset) = &mut **self.work.as_mut().ok_or("the workload was made already")?;
        if let Some(request) = generator.request() {
            let total = generator.total() as u64;
            dataset.add(vec![request], "synthetic");
            let done = dataset.part().map_or(0, |p| p.requests.len() as u64);
            return Ok(Step::Running { done, total });
        }
        dataset.count();
        state.synthetic = std::mem::take(dataset);
        Ok(Step::Done(state.synthetic.info()))
    }
}

pub(super) fn running<T>((done, total): (u64, u64)) -> Step<T> {
    Step::Running { done, total }
}
