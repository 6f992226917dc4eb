//! Figures as data: what each row of the registry makes of the tiny cases, and that page, table and message agree on it.

use libm::log2;
use moescope::analysis::figure::{Data, Figure, Format, Matrix};
use moescope::analysis::registry::{
    ANALYSES, Group, Layer, Make, Mean, Needs, Whole, of_all, of_layer, sketch_named, sketches,
};
use moescope::analysis::{
    Caches, Half, MOST_ACCESSES, Setting, Summary, Table, analyse, back_to_back, concentration, lockstep_stream,
    observations,
};
use moescope::model::{Labels, MODELS, Phase, Request, Scope};
use moescope::plot::{Chart, Overlay, picture};
use moescope::protocol::Figures;
use moescope::units::grouped;

use crate::support::{moescope, paper, request, summary, t1, t2};

/// Every figure of one layer.
fn layer(s: &Summary, position: usize, scope: Scope) -> Vec<Figure> {
    let setting = Setting::default();
    let layer = Layer::new(s, &[], &setting, position, scope).unwrap();
    [true, false].map(|prompt| of_layer(&layer, prompt)).concat()
}

#[track_caller]
fn named<'a>(all: &'a [Figure], id: &str) -> &'a Figure {
    all.iter().find(|f| f.id == id).unwrap_or_else(|| panic!("no figure {id}"))
}

#[track_caller]
fn cells(figure: &Figure) -> &Matrix {
    match &figure.data {
        Data::Matrix(m) => m,
        other => panic!("{} is no matrix: {other:?}", figure.id),
    }
}

#[test]
fn names_are_their_own_and_every_analysis_is_documented() {
    let mut ids: Vec<_> = sketches().map(|(_, s)| s.id).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "two figures of one name");
    let docs = include_str!("../../docs/analyses.md");
    for a in ANALYSES {
        assert!(
            docs.contains(&format!("\n| {} | {} |", a.id, a.name)),
            "{}, {} is not in docs/analyses.md",
            a.id,
            a.name
        );
        assert!(a.says.ends_with('?') && !a.figures.is_empty());
    }
    // The page takes these from the report.
    assert!(sketches().all(|(_, s)| s.listed || !matches!(s.make, Make::Report(_))));
}

/// What stands on the page as a question must be told from the others, and what its picture says must be read off it.
#[test]
fn every_question_is_its_own_and_its_picture_is_told() {
    let mut questions: Vec<_> = sketches().map(|(_, s)| s.question).collect();
    assert!(questions.iter().all(|q| q.ends_with('?')));
    questions.sort_unstable();
    let count = questions.len();
    questions.dedup();
    assert_eq!(questions.len(), count, "two figures that answer one question");
    assert!(Group::EACH.iter().all(|&g| sketches().any(|(_, s)| s.group == g)));
    let s = summary(&[t1()]);
    let setting = Setting::default();
    let mut all = layer(&s, 0, Scope::All);
    all.extend(of_all(&Whole::new(&s, &setting, Scope::All)));
    let report = analyse(&s, &[], Vec::new(), &setting);
    all.extend(report.figures.iter().filter(|f| sketch_named(&f.id).is_some_and(|(_, s)| !s.of_layer())).cloned());
    let mut told = 0;
    for figure in all.iter().filter(|f| f.empty().is_none()) {
        let (_, sketch) = sketch_named(&figure.id).unwrap();
        let text: String = sketch.reading(figure, "layer 1").into_iter().map(|t| t.words).collect();
        assert!(text.ends_with('.') && !text.contains(['{', '}', '|']), "{}: {text:?}", figure.id);
        told += 1;
    }
    assert!(told > 12, "{told} figures have data");
    let ids: Vec<_> = observations(&report, None, false).into_iter().map(|o| o.id).collect();
    assert!(ANALYSES.iter().all(|a| a.observed.is_empty() || ids.iter().any(|id| id == a.observed)));
}

/// Of T1's layer 1 prefill goes 0 to 1 and 1 to 0, decode 0 to 2 and 2 to 0. What prefill alone does is above zero.
#[test]
fn prefill_minus_decode_has_the_sign_of_its_name() {
    let figures = layer(&summary(&[t1()]), 0, Scope::All);
    let map = cells(named(&figures, "token-difference"));
    assert_eq!((map.values[1], map.values[2], map.diverging), (1.0, -1.0, true));
    assert!(map.values[4].is_nan() && map.values[8].is_nan(), "one phase has no data on experts 1 and 2");
    // Layer 1 to 3: prefill (0,3) (1,3) (0,1), decode (0,3) (2,3) (0,3).
    let map = cells(named(&figures, "layer-difference"));
    assert_eq!((map.values[3], map.values[1]), (0.5 - 1.0, 0.5));
    assert_eq!(
        named(&figures, "token-difference").under(1.5, 0.5, None).unwrap(),
        "after expert 0, expert 1: 100 points"
    );
}

/// A share of three experts is rounded up: 1% to 33% are one of them, 34% two.
#[test]
fn the_coverage_curve_rounds_up() {
    let rows: [&[u64]; 2] = [&[5, 3, 1], &[0, 0, 1]];
    let curve = concentration(rows.into_iter());
    assert_eq!(curve.len(), 101);
    for (percent, covered) in [(0, 0.0), (1, 6.0), (33, 6.0), (34, 9.0), (66, 9.0), (67, 10.0), (100, 10.0)] {
        assert_eq!(curve[percent], covered / 10.0, "{percent}%");
    }
    // And so in the figure: of four experts 20% are one and 26% two, which cover 3 and 4 of the 5 joined pairs of T1's layer 1.
    let figures = layer(&summary(&[t1()]), 0, Scope::All);
    let line = &named(&figures, "coverage-curve").lines()[0];
    assert_eq!((line.name.as_str(), line.at(0.2), line.at(0.26)), ("next token", Some(0.6), Some(0.8)));
}

#[test]
fn the_mean_of_all_layers_is_the_mean_of_their_figures() {
    let s = summary(&[t1()]);
    let mut mean = Mean::new(&Setting::default(), Scope::All);
    while mean.step(&s, &[]) {}
    assert_eq!(mean.layers(), 2);
    let mean = mean.finish();
    let layers = [0, 1].map(|l| layer(&s, l, Scope::All));
    let Data::Bars(bars) = &named(&mean, "frequency-bars").data else { panic!("bars") };
    assert_eq!((&bars.series[0].values[..], bars.level.as_ref().unwrap().value), (&[2.0, 1.0, 0.5, 2.5][..], 1.5));
    let facts: Vec<_> = mean.iter().flat_map(|f| &f.facts).map(|f| (f.id.as_str(), f.value)).collect();
    assert_eq!(facts[0], ("fact-skew", (8.0 / 3.0 + 10.0 / 3.0) / 2.0));
    assert_eq!(facts[1], ("fact-coverage", (1.0 / 3.0 + 3.0 / 4.0) / 2.0));
    // A row without data in one layer is the other layer's row: expert 2 of layer 3 was never used.
    let [one, two] = [0, 1].map(|l| &cells(named(&layers[l], "token-map")).values);
    for (i, value) in cells(named(&mean, "token-map")).values.iter().enumerate() {
        let here: Vec<f32> = [one[i], two[i]].into_iter().filter(|v| !v.is_nan()).collect();
        let exact = here.iter().sum::<f32>() / here.len() as f32;
        assert!(value.is_nan() && exact.is_nan() || (value - exact).abs() < 1e-6, "cell {i}: {value}, not {exact}");
    }
    // The last layer has no next one and does not count, nor does its shorter list of curves.
    let text = |f: &Figure| format!("{:?}", cells(f).values);
    assert_eq!(text(named(&mean, "layer-map")), text(named(&layers[0], "layer-map")));
    let curves = named(&mean, "coverage-curve").lines();
    assert_eq!(curves.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["next token", "next layer"]);
    assert_eq!(curves[1].y, named(&layers[0], "coverage-curve").lines()[1].y);
    assert!(named(&mean, "token-map").caption.contains("in the mean of all layers (analysis C"));
}

/// In place of a figure stands why there is none, and what would help.
#[test]
fn what_cannot_be_shown_says_why() {
    let s = summary(&[t1()]);
    let last = layer(&s, 1, Scope::All);
    for (id, words) in [
        ("layer-map", "last MoE layer"),
        ("layer-difference", "earlier layer"),
        ("pair-map", "top-1"),
        ("subject-map", "Folders such as"),
    ] {
        let why = named(&last, id).empty().unwrap_or_else(|| panic!("{id} is shown"));
        assert!(why.contains(words), "{id}: {why}");
        assert!(
            picture(named(&last, id), &Overlay::default()).is_none() && Table::of(named(&last, id)).rows.is_empty()
        );
    }
    let prompt = request(0, 2, &[(1, &[&[0], &[1]])]);
    assert!(
        named(&layer(&summary(&[prompt]), 0, Scope::All), "similarity-scatter").empty().unwrap().contains("no decode")
    );
    let mut counts = Summary::default();
    counts.add_counts(&Labels::default(), 1, &[3, 1], 2);
    let figures = layer(&counts, 0, Scope::All);
    assert!(named(&figures, "token-map").empty().unwrap().contains("without an order of tokens"));
    assert!(named(&figures, "frequency-bars").empty().is_none(), "counts tell frequency");
    assert!(ANALYSES.iter().any(|a| a.needs == Needs::Counts));
}

/// Any figure can be drawn, told, saved and sent, by the same four functions.
#[test]
fn every_figure_is_drawn_told_saved_and_sent() {
    let label = |mut r: Request, subject: &str| {
        r.labels.subject = subject.into();
        r
    };
    let (one, two): (&[&[u16]], &[&[u16]]) =
        (&[&[0, 2], &[1, 3], &[0, 2], &[0, 1]], &[&[0, 1], &[2, 3], &[0, 2], &[1, 3]]);
    let second = request(1, 2, &[(1, one), (3, two)]);
    let all = [label(Request { prefill: 2, ..t2() }, "law, general"), label(second, "chess")];
    let s = summary(&all);
    let setting = Setting {
        model: Some(&MODELS[0]),
        synthetic: true,
        caches: Some(Caches { expert: 2.0, llc: 3.0, hbm: 9.0, device: "die" }),
    };
    let first = Layer::new(&s, &all, &setting, 0, Scope::All).unwrap();
    let mut figures = [true, false].map(|prompt| of_layer(&first, prompt)).concat();
    figures.extend(of_all(&Whole::new(&s, &setting, Scope::All)));
    figures.extend(analyse(&s, &all, Vec::new(), &setting).figures);
    for (_, sketch) in sketches() {
        let figure = named(&figures, sketch.id);
        assert_eq!(figure.empty(), None, "{}", sketch.id);
        let overlay = Overlay { layer: Some(1), caches: setting.caches };
        let chart = picture(figure, &overlay).unwrap();
        if let Chart::Heatmap(map) = &chart {
            assert_eq!(map.marked, figure.has_layers().then_some(1), "{}", sketch.id);
        }
        assert!(!figure.caption.contains("{layer}") && !figure.caption.contains("{stream}"), "{}", figure.caption);
        let words = figure.under(0.5, 0.5, Some(2.0)).unwrap_or_default();
        assert!(!words.is_empty() && !words.contains('{'), "{}: {words:?}", sketch.id);
        let table = Table::of(figure);
        assert!(!table.rows.is_empty() && table.rows.iter().all(|r| r.len() == table.head.len()), "{}", sketch.id);
        assert_eq!(Table::read(&table.csv()), table);
    }
    assert!(Table::of(named(&figures, "subject-map")).csv().contains("\"law, general\",0,"));
    let sent = Figures { layer: Some(1), all: figures };
    let bytes = postcard::to_stdvec(&sent).unwrap();
    let back: Figures = postcard::from_bytes(&bytes).unwrap();
    // NaN equals nothing, but has one form in bytes.
    assert_eq!(postcard::to_stdvec(&back).unwrap(), bytes);
}

/// What follows a slider is sent as four bytes a cell, and little else.
#[test]
fn figures_that_follow_a_slider_are_sent_compactly() {
    let n = 64;
    let rows: Vec<Vec<u16>> = (0..256).map(|t| vec![t % n, (t + 1 + t / 64) % n]).collect();
    let rows: Vec<&[u16]> = rows.iter().map(Vec::as_slice).collect();
    let s = summary(&[request(0, 100, &[(1, &rows), (2, &rows)])]);
    let setting = Setting::default();
    let figures = of_layer(&Layer::new(&s, &[], &setting, 0, Scope::All).unwrap(), true);
    let cells: usize = figures.iter().map(|f| if let Data::Matrix(m) = &f.data { m.values.len() } else { 0 }).sum();
    assert_eq!(cells, 2 * 64 * 64, "two matrices follow the slider");
    let bytes = postcard::to_stdvec(&figures).unwrap().len();
    assert!(bytes < 4 * cells + 8192, "{bytes} bytes");
}

/// Words under a cursor read as they always did.
#[test]
fn words_under_the_cursor() {
    let s = summary(&[t1()]);
    let figures = layer(&s, 0, Scope::All);
    let setting = Setting::default();
    let whole = of_all(&Whole::new(&s, &setting, Scope::All));
    let under = |all: &[Figure], id: &str, x: f64, y: f64| named(all, id).under(x, y, Some(2e6)).unwrap();
    assert_eq!(under(&figures, "token-map", 2.5, 1.5), "after expert 1, expert 2: 0.0%");
    assert_eq!(under(&figures, "token-map", 0.5, 3.5), "after expert 3, expert 0: no data");
    assert_eq!(under(&figures, "frequency-bars", 0.5, 9.0), "expert 0: 4 tokens");
    assert_eq!(under(&whole, "frequency-map", 3.5, 1.5), "layer 3, expert 3: 3.33× the mean");
    assert_eq!(
        under(&whole, "reuse-curve", 2.4, 0.5),
        "2 experts: one request 66.7%, back to back 66.7%, in lockstep 66.7% (4.8 MB)"
    );
    assert!(under(&whole, "reuse-bins", 3.5, 0.1).starts_with("first uses: one request 50.0%"));
    assert_eq!(named(&figures, "token-map").under(4.5, 0.5, None), None, "outside");
    assert_eq!(Format::Count.words(1234.4), "1\u{202f}234");
}

#[test]
fn the_command_line_writes_every_figure_of_all_layers() {
    let folder = tempfile::tempdir().unwrap();
    let (file, tables) = (folder.path().join("t1.json"), folder.path().join("tables"));
    std::fs::write(&file, paper(&t1(), false)).unwrap();
    let out = moescope(&["analyze", file.to_str().unwrap(), "--json", "--csv", tables.to_str().unwrap()]);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let listed: Vec<_> = report["figures"].as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap()).collect();
    let expected: Vec<_> = sketches().filter(|(_, s)| s.listed).map(|(_, s)| s.id).collect();
    assert_eq!(listed, expected);
    let curve = std::fs::read_to_string(tables.join("figures/coverage-curve.csv")).unwrap();
    assert!(curve.starts_with("curve,most likely experts,share covered\nnext token,0,0\n"), "{curve}");
    let map = std::fs::read_to_string(tables.join("figures/frequency-map.csv")).unwrap();
    assert!(map.contains("\n3,3,3.3333333\n") || map.contains("\n3,3,3.3333333"), "{map}");
    assert!(!tables.join("figures/pair-curve.csv").exists(), "top-1 has no pairs");
    let text = String::from_utf8(moescope(&["analyze", file.to_str().unwrap()]).stdout).unwrap();
    assert!(text.contains("How few experts cover what follows, top 20%: next token"), "{text}");
}

/// Layer 1 of T1 has counts [4,1,1,0], layer 3 [0,1,0,5], of four experts: two bits at most.
#[test]
fn i_load_entropy() {
    let setting = Setting::default();
    let of = |s: &Summary, id: &str| {
        let all = of_all(&Whole::new(s, &setting, Scope::All));
        let Data::Dots(dots) = named(&all, id).data.clone() else { panic!("dots") };
        dots.series.into_iter().map(|s| s.values).collect::<Vec<_>>()
    };
    let s = summary(&[t1()]);
    let exact = [2.0 / 3.0 * log2(1.5) + 2.0 / 6.0 * log2(6.0), 1.0 / 6.0 * log2(6.0) + 5.0 / 6.0 * log2(1.2)];
    for (bits, exact) in of(&s, "entropy-bits")[0].iter().zip(exact) {
        assert!((bits - exact).abs() < 1e-12, "{bits} is not {exact}");
    }
    let even = of(&s, "entropy-layers");
    assert!((even[0][0] - exact[0] / 2.0).abs() < 1e-12);
    // Decode of layer 3 is expert 3 alone; all four experts alike are whole.
    assert_eq!((even[2][1], even[2][1].is_sign_positive()), (0.0, true));
    let alike = request(0, 4, &[(1, &[&[0], &[1], &[2], &[3]])]);
    let even = of(&summary(&[alike]), "entropy-layers");
    assert_eq!(even[0], [1.0]);
    assert!(even[2][0].is_nan(), "no decode tokens, no entropy");
    // Plainly, token by token: the mean surprise at an expert.
    let column: Vec<u16> = (0..200u16).map(|t| (t * t + t / 7) % 11).collect();
    let rows: Vec<&[u16]> = column.chunks(1).collect();
    let share = |e: u16| column.iter().filter(|&&c| c == e).count() as f64 / 200.0;
    let plain = column.iter().map(|&e| -log2(share(e))).sum::<f64>() / 200.0;
    let bits = of(&summary(&[request(0, 200, &[(1, &rows)])]), "entropy-bits")[0][0];
    assert!((bits - plain).abs() < 1e-12, "{bits} is not {plain}");
}

/// T1 decodes 0 2 0 in layer 1 and 3 3 3 in layer 3; a second request uses 0 1 and 3 2. Back to back: 0 2 0 0 1 and 3 3 3 3 2.
#[test]
fn j_cache_what_if() {
    let second = request(1, 0, &[(1, &[&[0], &[1]]), (3, &[&[3], &[2]])]);
    let all = [t1(), second];
    let s = summary(&all);
    let setting = Setting::default();
    let of = |requests: &[Request], position: usize, id: &str| {
        let layer = Layer::new(&s, requests, &setting, position, Scope::All).unwrap();
        named(&of_layer(&layer, false), id).clone()
    };
    let at = |figure: &Figure, percent: f64| {
        figure.lines().iter().map(|l| (l.name.clone(), l.at(percent).unwrap())).collect::<Vec<_>>()
    };
    let named = |values: [f64; 5]| {
        let names = ["LRU", "LFU", "hottest pinned", "pinned, held out", "Belady's optimum"];
        names.map(String::from).into_iter().zip(values).collect::<Vec<_>>()
    };
    // One of four experts. Layer 1: LRU and LFU hit 0 after 0; 0 pinned hits twice, on the odd request's `0 1` never.
    let figure = of(&all, 0, "cache-hits");
    assert_eq!(at(&figure, 0.25), named([0.2, 0.2, 0.4, 0.0, 0.4]));
    assert_eq!(at(&figure, 1.0), named([0.4, 0.4, 0.4, 0.0, 0.4]));
    assert_eq!(at(&of(&all, 1, "cache-hits"), 0.01), named([0.6, 0.6, 0.6, 0.0, 0.6]));
    assert_eq!(figure.under(0.25, 0.5, None).unwrap().split(", ").next(), Some("25% of the experts: LRU 20.0%"));
    // In lockstep layer 1 needs {0} {1, 2} {0}: two experts hold 0 over only if it is kept on purpose.
    let lockstep: Vec<_> = at(&of(&[], 0, "cache-lockstep"), 0.5).into_iter().map(|(_, y)| y).collect();
    assert_eq!(lockstep, [0.0, 0.0, 0.25, 0.25]);
    // Counts without requests tell no order, and a single request has nobody to learn from.
    assert!(of(&[], 0, "cache-hits").empty().unwrap().contains("load the trace itself"));
    let alone = summary(&[t1()]);
    let one = [t1()];
    let layer = Layer::new(&alone, &one, &setting, 0, Scope::All).unwrap();
    let figure = of_layer(&layer, false).into_iter().find(|f| f.id == "cache-hits").unwrap();
    assert_eq!(figure.lines()[3].y.len(), 0, "no odd request to score on");
}

/// Neither memory nor the wait for a figure grows with the longest trace, and captions say how much is looked at.
#[test]
fn j_looks_at_so_many_uses_and_says_so() {
    let n = MOST_ACCESSES + 5;
    let long = |index| Request { index, top_k: 1, tokens: n, layers: vec![1], columns: vec![vec![3; n]], ..t1() };
    let all = [long(0), long(1)].map(|r| Request { prefill: n, ..r });
    assert_eq!(back_to_back(&all, 1, Phase::Prefill, Half::Both).len(), MOST_ACCESSES);
    let s = summary(&all);
    // Steps of lockstep end before that: 32 768 of one expert.
    assert_eq!(lockstep_stream(&s.lockstep[0], 1).len(), 1 << 15);
    let most = grouped(MOST_ACCESSES as u64).replace('\u{202f}', " ");
    let captions = sketches().filter(|(a, _)| a.id == "J").map(|(_, s)| s.caption);
    assert!(captions.into_iter().all(|c| c.contains(&most)), "{most}");
}
