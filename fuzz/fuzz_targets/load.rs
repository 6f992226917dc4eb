//! Any bytes as a dropped file: archives, every format by its content, then every analysis and a run.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use moescope::format::Source;
use moescope::experiment::Experiment;
use moescope::protocol::{DataId, Files, Ingest, Job, SourceFile, State, finish, jobs};

struct One(Vec<u8>);

impl Files for One {
    fn open(&self, _: usize) -> std::io::Result<Box<dyn Source>> {
        Ok(Box::new(Cursor::new(self.0.clone())))
    }
}

fuzz_target!(|bytes: &[u8]| {
    let files = One(bytes.to_vec());
    let mut state = State::default();
    // The folder names a model, or none.
    let path = if bytes.len() % 2 == 0 { "llama4-mmlu-x/1.json" } else { "x" };
    let source = SourceFile { path: path.into(), bytes: bytes.len() as u64 };
    let Ok((units, issues)) = finish(jobs::List::new(vec![source]), &mut state, &files) else { return };
    let mut ingest = Ingest::new(units);
    while ingest.step(&files, &mut state.staged) {}
    let Ok(info) = finish(jobs::Commit(issues), &mut state, &files) else { return };
    // The analyses of thousands of experts are slow, and no other than those of few.
    if info.layers.is_empty() || info.experts > 512 || info.layers.len() > 64 {
        return;
    }
    let of = DataId::of(&info);
    let _ = finish(jobs::Report::new(of.clone()), &mut state, &files);
    let all = jobs::Figures { of: of.clone(), asked: moescope::protocol::Asked::All, scope: moescope::model::Scope::All };
    let _ = finish(all, &mut state, &files);
    let experiment = Experiment::parse("steps=2&layers=2&batch=16").0;
    if let Ok(batch) = finish(jobs::FillBatch { of, experiment: experiment.clone() }, &mut state, &files) {
        let mut run = jobs::Run::new(experiment);
        run.take(batch.0);
        let _ = finish(run, &mut state, &files);
    }
});
