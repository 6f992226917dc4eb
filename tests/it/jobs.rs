//! Jobs and their replies: a question names its data, and what another worker or the storage gives is checked.

use moescope::analysis::Shape;
use moescope::analysis::figure::Data;
use moescope::experiment::Experiment;
use moescope::model::{Request, Scope};
use moescope::protocol::{
    Asked, Bytes, DataId, Figures, Info, Job, JobError, Origin, Reply, State, Step, finish, jobs,
};

use super::support::{NoFiles, t1, t2};

/// Loads requests as a trace.
fn load(state: &mut State, requests: Vec<Request>) -> Info {
    state.staged.add(requests, "made.json");
    finish(jobs::Commit(Vec::new()), state, &NoFiles).unwrap()
}

fn layer(of: &DataId) -> jobs::Figures {
    jobs::Figures { of: of.clone(), asked: Asked::Prompt(0), scope: Scope::All }
}

/// A question that was under way when its data was replaced was answered with figures of the new data.
#[test]
fn a_question_about_replaced_data_is_void() {
    let mut state = State::default();
    let first = DataId::of(&load(&mut state, vec![t1()]));
    assert_eq!(finish(layer(&first), &mut state, &NoFiles).unwrap().layer, Some(1));
    let mut report = jobs::Report::new(first.clone());
    assert!(matches!(report.step(&mut state, &NoFiles), Ok(Step::Running { .. })));
    let second = DataId::of(&load(&mut state, vec![t2()]));
    assert_ne!(first.digest, second.digest);
    assert_eq!(finish(layer(&first), &mut state, &NoFiles), Err(JobError::Void));
    assert_eq!(report.step(&mut state, &NoFiles).unwrap_err(), JobError::Void, "in the middle of its work too");
    let all = jobs::Figures { asked: Asked::All, ..layer(&first) };
    assert_eq!(finish(all, &mut state, &NoFiles), Err(JobError::Void));
    assert_eq!(finish(jobs::SetReference(first), &mut state, &NoFiles), Err(JobError::Void));
    assert!(finish(layer(&second), &mut state, &NoFiles).is_ok());
    // A trace is no synthetic workload of the same digest.
    let other = DataId { origin: Origin::Synthetic, ..second };
    assert_eq!(finish(layer(&other), &mut state, &NoFiles), Err(JobError::Void));
}

#[test]
fn a_figure_of_every_layer_is_small_and_in_their_order() {
    let mut state = State::default();
    let of = DataId::of(&load(&mut state, vec![t1()]));
    let every = |layers| jobs::Every::new(of.clone(), Scope::All, "token-map", layers);
    let all = finish(every((0, 9)), &mut state, &NoFiles).unwrap();
    let layers = state.trace.info().layers;
    assert_eq!(all.iter().map(|s| s.layer).collect::<Vec<_>>(), layers);
    // Compared as text: what is absent is NaN.
    let second = finish(every((1, 2)), &mut state, &NoFiles).unwrap();
    assert_eq!(format!("{second:?}"), format!("{:?}", &all[1..2]));
    // Few experts need no thinning: the cells are those of the figure.
    let figures = finish(layer(&of), &mut state, &NoFiles).unwrap();
    let map = figures.all.iter().find(|f| f.id == "token-map").unwrap();
    let (Data::Matrix(map), Shape::Cells { columns, values, .. }) = (&map.data, &all[0].shape) else {
        panic!("{:?}", all[0])
    };
    assert_eq!((*columns, all[0].thinned), (map.columns.items.len(), 1));
    assert!(values.iter().zip(&map.values).all(|(a, b)| a == b || (a.is_nan() && b.is_nan())));
    let none = jobs::Every::new(of.clone(), Scope::All, "reuse-curve", (0, 1));
    assert!(matches!(finish(none, &mut state, &NoFiles), Err(JobError::Failed(_))));
    let _ = load(&mut state, vec![t2()]);
    assert_eq!(finish(every((0, 9)), &mut state, &NoFiles), Err(JobError::Void));
}

/// Whatever bytes lay under a digest took the place of the loaded trace before anyone looked at them.
#[test]
fn a_stored_trace_that_is_damaged_or_another_replaces_nothing() {
    let mut state = State::default();
    let stored = load(&mut state, vec![t1()]);
    let save = jobs::Save { digest: stored.digest.clone(), name: "two\nlines".into() };
    let Bytes(bytes) = finish(save, &mut state, &NoFiles).unwrap();
    assert!(bytes.starts_with(format!("{}two lines\n", jobs::STORED).as_bytes()));
    let shown = load(&mut state, vec![t2()]);
    let mut restore = |digest: &str, bytes: Vec<u8>| {
        let mut job = jobs::Restore::new(digest.into());
        job.take(bytes);
        let found = finish(job, &mut state, &NoFiles);
        (found, state.trace.info())
    };
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for (digest, bytes, why) in [
        (&stored.digest, damaged, "damaged"),
        (&stored.digest, bytes[..bytes.len() - 1].to_vec(), "damaged"),
        (&stored.digest, bytes[..jobs::STORED.len() + 12].to_vec(), "ends within its head"),
        (&stored.digest, b"moescope 0.0.1 trace 1\n".to_vec(), "another version"),
        (&shown.digest, bytes.clone(), "another trace"),
    ] {
        let (found, there) = restore(digest, bytes);
        let Err(JobError::Failed(said)) = found else { panic!("{why}: {found:?}") };
        assert!(said.contains(why), "{said}");
        assert_eq!(there, shown, "{why}: what was loaded stays");
    }
    let (found, there) = restore(&stored.digest, bytes);
    assert_eq!((found.as_ref(), &there), (Ok(&stored), &stored));
}

/// A worker knows a job by its name only: the reply's bytes are those of its type.
#[test]
fn a_job_by_its_name_gives_its_reply_as_bytes() {
    let mut state = State::default();
    let of = DataId::of(&load(&mut state, vec![t1()]));
    let question = postcard::to_stdvec(&layer(&of)).unwrap();
    let mut job = jobs::open("Figures", &question, None).unwrap();
    let Ok(Step::Done(reply)) = job.step(&mut state, &NoFiles) else { panic!() };
    let expected = finish(layer(&of), &mut state, &NoFiles).unwrap();
    let read = Figures::decode(&reply).unwrap();
    // No number equals no number: the bytes do.
    assert_eq!((read.layer, read.encode().unwrap()), (expected.layer, expected.encode().unwrap()));
    assert!(
        !job.reads
            && jobs::open("Ingest", &postcard::to_stdvec(&jobs::Ingest::new(Vec::new())).unwrap(), None).unwrap().reads
    );
    let unknown = |name, question: &[u8]| jobs::open(name, question, None).err().unwrap().to_string();
    assert!(unknown("Nothing", &question).contains("no job called Nothing"));
    assert!(unknown("Figures", &[]).contains("could not be read"));
    // Bytes for another worker travel as they are, and a job takes them beside its question.
    let experiment = Experiment::parse("hidden=64&intermediate=32&steps=1&layers=1&batch=4").0;
    let fill = jobs::FillBatch { of, experiment: experiment.clone() };
    let question = postcard::to_stdvec(&fill).unwrap();
    let Bytes(batch) = finish(fill, &mut state, &NoFiles).unwrap();
    let mut job = jobs::open("FillBatch", &question, None).unwrap();
    assert_eq!(job.step(&mut state, &NoFiles), Ok(Step::Done(batch.clone())));
    let run = postcard::to_stdvec(&jobs::Run::new(experiment)).unwrap();
    for (parcel, sound) in [(Some(batch), true), (Some(vec![1, 2, 3]), false), (None, false)] {
        let found = jobs::open("Run", &run, parcel).unwrap().step(&mut state, &NoFiles);
        assert_eq!(found.is_ok(), sound, "{found:?}");
    }
}
