//! What a user does, in a real Chromium, on the release site in dist/. `make test` builds the site first.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "waiting for a browser needs a clock")]

mod cdp;

use std::path::{Path, PathBuf};

use self::cdp::{Browser, serve};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The site's address; none, with a visible word, if it was not built.
fn site() -> Option<String> {
    let dist: &'static Path = Box::leak(root().join("dist").into_boxed_path());
    if !dist.join("index.html").exists() {
        assert!(std::env::var_os("CI").is_none(), "dist/ is missing: run make test");
        eprintln!("SKIPPED: dist/ is missing; make test builds it");
        return None;
    }
    Some(serve(dist))
}

fn screens() -> PathBuf {
    root().join("target/screens")
}

/// Waits until every figure is drawn and the simulator is done.
#[track_caller]
fn settled(browser: &mut Browser) {
    browser.wait("document.querySelectorAll('canvas').length >= 8 && [...document.querySelectorAll('canvas')].every(c => c.dataset.drawn === 'yes') && !!document.querySelector('#runs')");
}

#[test]
fn look() {
    let Some(url) = site() else { return };
    let mut b = Browser::start();
    b.device(1440, 900, 1, false);
    b.open(&url);
    settled(&mut b);
    println!("{}", b.eval("performance.now()"));
    b.screenshot(&screens().join("look-1440.png"));
    println!("{:?}", b.complaints());
}
