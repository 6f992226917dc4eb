//! What the page looks like, against kept pictures: widths of a phone to a large screen, light and dark, 1x and 2x. A picture
//! is kept at half its size, and both densities must look like it. MOESCOPE_UPDATE=1 keeps new ones: look at them.

use std::path::Path;

use base64::Engine;
use serde_json::json;

use super::*;

/// CSS pixels of a kept one.
const SCALE: usize = 2;
/// CSS pixels from the top of a view that are kept.
const HEIGHT: u32 = 1200;
/// What is shown.
const SMALL: &str = "v=2&model=llama4-maverick&steps=2&layers=2";
/// Share of the pixels that may look different, by density: text of another build of the browser; at 2x, text that is drawn
/// finer than the kept one.
const ALLOWED: [f64; 2] = [0.003, 0.018];

/// Rows of red, green and blue.
struct Picture {
    width: usize,
    pixels: Vec<[f32; 3]>,
}

impl Picture {
    fn read(bytes: &[u8]) -> Self {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut buffer).unwrap();
        let channels = info.color_type.samples();
        let pixels = buffer[..info.buffer_size()].chunks_exact(channels).map(|p| [0, 1, 2].map(|i| f32::from(p[i])));
        Self { width: info.width as usize, pixels: pixels.collect() }
    }

    /// Means of squares of pixels.
    fn smaller(&self, by: usize) -> Self {
        let (width, height) = (self.width / by, self.pixels.len() / self.width / by);
        let mean = |x: usize, y: usize| {
            let mut sum = [0.0f32; 3];
            for (dx, dy) in (0..by * by).map(|i| (i % by, i / by)) {
                let p = self.pixels[(y * by + dy) * self.width + x * by + dx];
                (0..3).for_each(|c| sum[c] += p[c]);
            }
            sum.map(|s| s / (by * by) as f32)
        };
        Self { width, pixels: (0..width * height).map(|i| mean(i % width, i / width)).collect() }
    }

    fn write(&self, path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
        let size = |n: usize| u32::try_from(n).unwrap();
        let mut encoder = png::Encoder::new(file, size(self.width), size(self.pixels.len() / self.width));
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::High);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "means of bytes")]
        let bytes: Vec<u8> = self.pixels.iter().flatten().map(|&v| v.round() as u8).collect();
        encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
    }

    /// Share of the pixels that look different: lightness counts twice as much as hue, and a pixel may be its neighbour's.
    fn difference(&self, kept: &Picture) -> f64 {
        if self.width != kept.width {
            return 1.0;
        }
        let width = self.width;
        let height = self.pixels.len().min(kept.pixels.len()) / width;
        let apart = |a: [f32; 3], b: [f32; 3]| {
            let d = [0, 1, 2].map(|i| a[i] - b[i]);
            let light = 0.299 * d[0] + 0.587 * d[1] + 0.114 * d[2];
            light.abs() + 0.5 * ((d[0] - light).abs() + (d[2] - light).abs())
        };
        let differs = |&i: &usize| {
            let (x, y) = (i % width, i / width);
            let around =
                (0..9).map(|n| (x + n % 3, y + n / 3)).filter(|&(x, y)| x > 0 && y > 0 && x <= width && y <= height);
            let nearest = around.map(|(x, y)| apart(self.pixels[i], kept.pixels[(y - 1) * width + x - 1]));
            nearest.fold(f32::MAX, f32::min) > 28.0
        };
        let longer = self.pixels.len().abs_diff(kept.pixels.len());
        ((0..width * height).filter(differs).count() + longer) as f64 / self.pixels.len() as f64
    }
}

#[test]
fn the_page_looks_as_it_did() {
    let Some((mut b, url)) = begin() else { return };
    let kept = root().join("tests/screens");
    let update = std::env::var_os("MOESCOPE_UPDATE").is_some();
    b.open(&format!("{url}#{SMALL}"));
    // Other fonts make another layout: pictures of these ones say nothing about it.
    let probe = "(() => { const c = document.createElement('canvas').getContext('2d'); c.font = '100px system-ui, sans-serif'; return String(Math.round(c.measureText('Where the experts move, 0123456789').width)); })()";
    let fonts = b.eval(probe);
    let fonts = fonts.as_str().unwrap();
    if update {
        std::fs::create_dir_all(&kept).unwrap();
        std::fs::write(kept.join("fonts.txt"), format!("{fonts}\n")).unwrap();
    }
    let told = std::fs::read_to_string(kept.join("fonts.txt")).unwrap_or_default();
    if told.trim() != fonts {
        eprintln!(
            "SKIPPED: the kept pictures are of other fonts (a probe is {} pixels wide, here {fonts})",
            told.trim()
        );
        return;
    }
    let mut different = Vec::new();
    let sizes = [390, 768, 1440, 2560].map(|w| [(w, false, 1), (w, false, 2), (w, true, 1)]);
    for (width, dark, ratio) in sizes.into_iter().flatten() {
        // As high as what is kept: what lies below the window is drawn when it is looked at.
        b.device(width, HEIGHT, ratio, dark);
        b.still(dark);
        b.open(&format!("{url}?{width}{dark}{ratio}#{SMALL}"));
        settled(&mut b);
        for view in ["story", "explore", "simulate", "deploy", "paper"] {
            b.eval(&format!("location.hash = '#view={view}&' + '{SMALL}'"));
            b.wait(&format!("!document.querySelector('#view-{view}').hidden"));
            settled(&mut b);
            b.eval("scrollTo(0, 0)");
            b.eval("new Promise(r => setTimeout(r, 400))");
            assert_eq!(b.eval("document.documentElement.scrollWidth <= innerWidth"), true, "{view} is cut at {width}");
            let high = b.eval("document.documentElement.scrollHeight").as_u64().unwrap().min(HEIGHT.into());
            let clip = json!({"x": 0, "y": 0, "width": width, "height": high, "scale": 1});
            let shot = json!({"captureBeyondViewport": true, "format": "png", "clip": clip});
            let data = b.call("Page.captureScreenshot", shot)["data"].as_str().unwrap().to_string();
            let bytes = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
            let name = format!("{view}-{width}-{}.png", if dark { "dark" } else { "light" });
            let full = root().join(format!("target/screens/{ratio}x-{name}"));
            std::fs::create_dir_all(full.parent().unwrap()).unwrap();
            std::fs::write(full, &bytes).unwrap();
            let small = Picture::read(&bytes).smaller(SCALE * ratio as usize);
            let path = kept.join(&name);
            if update && ratio == 1 {
                small.write(&path);
            }
            let bytes =
                std::fs::read(&path).unwrap_or_else(|_| panic!("{name} is not kept: run with MOESCOPE_UPDATE=1"));
            let share = small.difference(&Picture::read(&bytes));
            if share > ALLOWED[ratio as usize - 1] {
                small.write(&root().join(format!("target/screens/now-{ratio}x-{name}")));
                different.push(format!("{name} at {ratio}x: {:.2}% of it", share * 100.0));
            }
        }
    }
    assert_eq!(
        different,
        Vec::<String>::new(),
        "these look different from tests/screens (what they are now: target/screens/now-*); if that is meant, MOESCOPE_UPDATE=1 keeps them"
    );
    assert_eq!(b.complaints(), Vec::<String>::new());
}
