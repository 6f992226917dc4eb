//! Any bytes as a dropped file: archives, every format by its content, then every analysis and a run.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use moescope::format::Source;
use moescope::protocol::{Files, From, Ingest, Progress, Reply, Request, SourceFile, State, start};

struct One(Vec<u8>);

impl Files for One {
    fn open(&self, _: usize) -> std::io::Result<Box<dyn Source>> {
        Ok(Box::new(Cursor::new(self.0.clone())))
    }
}

fn finish(state: &mut State, request: Request, files: &One) -> Reply {
    let mut job = start(request);
    loop {
        if let Progress::Done(reply) = job.step(state, files) {
            return reply;
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let files = One(bytes.to_vec());
    let mut state = State::default();
    // The folder names a model, or none.
    let path = if bytes.len() % 2 == 0 { "llama4-mmlu-x/1.json" } else { "x" };
    let source = SourceFile { path: path.into(), bytes: bytes.len() as u64 };
    let Reply::Units(units, issues) = finish(&mut state, Request::List(vec![source]), &files) else { return };
    let mut ingest = Ingest::new(units);
    while ingest.step(&files, &mut state.staged) {}
    let Reply::Loaded(info) = finish(&mut state, Request::Commit(issues), &files) else { return };
    // The analyses of thousands of experts are slow, and no other than those of few.
    if info.layers.is_empty() || info.experts > 512 || info.layers.len() > 64 {
        return;
    }
    let _ = finish(&mut state, Request::Report(From::Trace), &files);
    let _ = finish(&mut state, Request::Figures(From::Trace, moescope::protocol::Asked::All, moescope::model::Scope::All), &files);
    let text = "steps=2&layers=2&batch=16".to_string();
    if let Reply::Bytes(batch) = finish(&mut state, Request::Workload(From::Trace, text.clone()), &files) {
        let _ = finish(&mut state, Request::Run(text, batch), &files);
    }
});
