//! Files for the browser to load. The small ones are made by our own generator; the real one is used where it is there.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use moescope::format::write_paper;
use moescope::model::model_named;
use moescope::synth::Generator;

/// The real Llama 4 archive, or a small made one of the same shape; and whether it is real.
pub(crate) fn real_or_small(folder: &Path) -> (PathBuf, bool) {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces/llama4-maverick-mmlu.zip");
    // Chromium takes no path with `..`.
    if let Ok(real) = real.canonicalize() {
        return (real, true);
    }
    eprintln!("SKIPPED: {} is absent; a small generated archive takes its place", real.display());
    (small(folder).0, false)
}

/// A zip of twelve requests and the same as files.
pub(crate) fn small(folder: &Path) -> (PathBuf, Vec<PathBuf>) {
    let mut generator = Generator::new(model_named("llama4-maverick").unwrap(), 7);
    let inside = folder.join("llama4-mmlu-made");
    std::fs::create_dir_all(&inside).unwrap();
    let archive = folder.join("small.zip");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&archive).unwrap());
    let mut files = Vec::new();
    for i in 0..12 {
        let mut text = Vec::new();
        write_paper(&generator.request().unwrap(), &mut text).unwrap();
        zip.start_file(format!("llama4-mmlu-made/{i}.json"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&text).unwrap();
        let path = inside.join(format!("{i}.json"));
        std::fs::write(&path, text).unwrap();
        files.push(path);
    }
    zip.finish().unwrap();
    (archive, files)
}

/// A file with a syntax error.
pub(crate) fn broken(folder: &Path) -> PathBuf {
    let path = folder.join("broken.json");
    std::fs::write(&path, "[{\"1\":[[5],[6],\n    [oops]]}]").unwrap();
    path
}

/// One request of 300 MB, most of it indentation as published: long enough to be cancelled on any machine.
pub(crate) fn large(folder: &Path) -> PathBuf {
    let path = folder.join("large.json");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    file.write_all(b"[\n    {\n        \"1\": [\n").unwrap();
    let rows = "            [\n                119\n            ],\n".repeat(20_000);
    for _ in 0..300 {
        file.write_all(rows.as_bytes()).unwrap();
    }
    file.write_all(b"            [\n                7\n            ]\n        ]\n    }\n]\n").unwrap();
    path
}

/// One request of 45 MB with a short prompt: large enough to be read in sections.
pub(crate) fn long(folder: &Path) -> PathBuf {
    let mut long = Generator::new(model_named("llama4-maverick").unwrap(), 7).request().unwrap();
    long.tokens *= 260;
    long.columns.iter_mut().for_each(|ids| *ids = ids.repeat(260));
    let path = folder.join("long.json");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    write_paper(&long, &mut file).unwrap();
    file.flush().unwrap();
    assert!(path.metadata().unwrap().len() > 33 << 20, "{:?}", path.metadata());
    path
}

/// A file that the test's server has beside the site: the small archive, `small.zip`.
pub(crate) fn beside(name: &str) -> PathBuf {
    static FOLDER: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        small(folder.path());
        folder
    });
    folder.path().join(name)
}
