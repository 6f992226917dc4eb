//! Small traces by hand, and the way to the real ones.

#[cfg(not(target_arch = "wasm32"))]
use std::path::{Path, PathBuf};

use moescope::analysis::Summary;
use moescope::format::Source;
use moescope::model::Request;
use moescope::protocol::Files;

/// For jobs that read no file.
pub(crate) struct NoFiles;

impl Files for NoFiles {
    fn open(&self, _: usize) -> std::io::Result<Box<dyn Source>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

/// A request from `[layer][token][expert]`.
pub(crate) fn request(index: u64, prefill: usize, layers: &[(u32, &[&[u16]])]) -> Request {
    Request {
        index,
        top_k: layers[0].1[0].len(),
        prefill,
        tokens: layers[0].1.len(),
        layers: layers.iter().map(|l| l.0).collect(),
        columns: layers.iter().map(|l| l.1.concat()).collect(),
        ..Request::default()
    }
}

/// T1 of the analyses: top-1, prefill 3 and decode 3 tokens in layers 1 and 3.
pub(crate) fn t1() -> Request {
    request(0, 3, &[(1, &[&[0], &[1], &[0], &[0], &[2], &[0]]), (3, &[&[3], &[3], &[1], &[3], &[3], &[3]])])
}

/// T2: top-2, three prompt tokens.
pub(crate) fn t2() -> Request {
    request(0, 3, &[(1, &[&[0, 1], &[1, 2], &[1, 0]]), (3, &[&[2, 3], &[2, 3], &[0, 3]])])
}

/// The counts of some requests.
pub(crate) fn summary(requests: &[Request]) -> Summary {
    let mut summary = Summary::default();
    summary.add(requests);
    summary
}

/// A real archive, or a visible word that it is absent.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn real(name: &str) -> Option<PathBuf> {
    shared(&format!("traces/{name}"))
}

/// What lies beside the project, or a visible word that it is absent.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is absent", path.display());
    None
}

/// The program, built by this test run.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn moescope(arguments: &[&str]) -> std::process::Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_moescope")).args(arguments).output().unwrap()
}

/// A paper trace as text, `[step][layer]` to rows.
pub(crate) fn paper(request: &Request, pretty: bool) -> String {
    let steps = 1 + request.decode();
    let step = |s: usize| {
        let tokens = if s == 0 { 0..request.prefill } else { request.prefill + s - 1..request.prefill + s };
        let layer = |(i, id): (usize, &u32)| {
            let rows: Vec<_> = tokens.clone().map(|t| request.row(i, t).unwrap().to_vec()).collect();
            (id.to_string(), serde_json::json!(rows))
        };
        let mut map: serde_json::Map<String, serde_json::Value> =
            request.layers.iter().enumerate().map(layer).collect();
        map.insert("0".into(), serde_json::Value::Null);
        serde_json::Value::Object(map)
    };
    let trace: Vec<_> = (0..steps).map(step).collect();
    if pretty { serde_json::to_string_pretty(&trace).unwrap() } else { serde_json::to_string(&trace).unwrap() }
}

/// A zip of named files.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn zip<T: AsRef<[u8]>>(files: &[(&str, T)]) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes.as_ref()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
