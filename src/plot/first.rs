//! The first screen as it stands still: what a reader sees before the page's code is there, and instead of it where scripts are off. The
//! same numbers, words and shapes as the live one has when its race pauses at the first finish; the style sheet is shared.

use std::fmt::Write;

use super::race::{Lane, Race, TIE, axis, big, clock, gauges, small, state_words, times};
use super::wafer::{self, Wire, mini, wires};
use crate::analysis::{Insight, Report};
use crate::units::{amount, grouped, percent, significant, whole};

/// The questions of the first screen, in the order of the patterns.
pub const QUESTIONS: [&str; 6] = [
    "Can the next layer be fetched ahead?",
    "Do neighbouring tokens agree?",
    "Does the prompt predict the answer?",
    "How long do weights lie unused?",
    "Which experts carry the load?",
    "Which experts work together?",
];

/// The two sentences under the headline, true of a run: before, in bold, and after.
#[must_use]
pub fn lead(race: Option<&Race>) -> [String; 3] {
    let Some(race) = race else {
        let first =
            "A mixture-of-experts model asks for different weights at every token, and weights lie where they lie. ";
        return [first.into(), "Six patterns say which come next".into(), ".".into()];
    };
    let (base, best) = (race.over(), race.best());
    let all: f64 = base.run.bound_seconds.iter().sum();
    let links = if all > 0.0 { base.run.bound_seconds[2] / all } else { 0.0 };
    let [_, machine] = race.words();
    let part = if links > 0.995 { "all".into() } else { whole(links) };
    let first = if links >= 0.5 {
        format!(
            "A mixture-of-experts model asks for different weights at every token, and moving them sets {part} of a batch\u{2019}s time. "
        )
    } else {
        format!(
            "A mixture-of-experts model asks for different weights at every token; in this run moving them sets only {} of a batch\u{2019}s time. ",
            whole(links)
        )
    };
    let gain = times(best.speedup).trim_end_matches('×').to_string();
    let placed = |l: &Lane| ["allo", "pred", "allo+pred"].contains(&l.run.strategy.as_str());
    // What needs no pattern and is as fast gets the word: a tie is no gain.
    let alone = race.lanes.iter().rev().find(|l| !placed(l) && l.speedup >= best.speedup * (1.0 - TIE));
    let second = if best.speedup < 1.02 {
        format!(", but on this {machine} no placement beats {}.", base.run.strategy)
    } else if let Some(alone) = alone {
        format!("; here {} alone, without them, makes the {machine} {gain} times as fast.", alone.run.strategy)
    } else {
        format!("; place experts by them, and the same {machine} is {gain} times as fast.")
    };
    [first, "Six patterns say which weights come next".into(), second]
}

/// The number that answers a question.
#[must_use]
pub fn answer(at: usize, report: &Report, insights: &[Insight]) -> String {
    let named = |name: &str| insights[at].bars.iter().find(|b| b.name == name).and_then(|b| b.value);
    let none = || "this trace cannot tell".to_string();
    match at {
        0 => named("informed").map_or_else(none, |v| format!("{} in the top fifth", whole(v))),
        1 => named("repeated").map_or_else(none, |v| {
            format!("{}, chance {}", whole(v), percent(report.top_k as f64 / report.experts.max(1) as f64))
        }),
        2 => {
            let known: Vec<f64> = report.similarity.rho_frequency.iter().flatten().copied().collect();
            if known.is_empty() {
                return none();
            }
            format!("rank ρ {}", significant(known.iter().sum::<f64>() / known.len() as f64, 2))
        }
        3 => insights[at]
            .bars
            .first()
            .and_then(|b| b.value)
            .map_or_else(none, |v| format!("{} hit one memory", whole(v))),
        4 => named("hottest").map_or_else(none, |v| format!("hottest {} its share", times(v))),
        _ if report.top_k == 1 => "top-1: no pairs".into(),
        _ => named("top 10%").map_or_else(none, |v| format!("a tenth of pairs: {}", whole(v))),
    }
}

/// The first screen as HTML: the bar, the words and the race at its first finish.
#[must_use]
pub fn first_screen(race: &Race, report: &Report, insights: &[Insight]) -> String {
    let mut out = String::with_capacity(40_000);
    bar(&mut out, race);
    out.push_str("<main><section class=\"hero\"><div class=\"hero-l\"><div class=\"hero-top\">");
    out.push_str("<p class=\"eyebrow\">After a paper of ISCA 2026, measured again in your browser</p>");
    out.push_str("<h1>Expert routing looks like chaos. <em>It isn\u{2019}t.</em></h1>");
    let [before, bold, after] = lead(Some(race));
    let _ = write!(out, "<p class=\"lead\">{before}<b>{bold}</b>{after}</p></div>");
    out.push_str("<div class=\"hero-bot\"><div class=\"cta\"><a class=\"btn lg go\" href=\"#v=2&amp;part=1\">Read</a><a class=\"btn lg\" href=\"#v=2\">Drop your trace</a><a class=\"btn lg\" href=\"#v=2&amp;view=simulate\">Simulate</a></div>");
    out.push_str("<p class=\"source\"><a href=\"https://arxiv.org/abs/2510.05497\" rel=\"noreferrer\">Patterns behind Chaos</a>, arXiv 2510.05497. Nothing is uploaded.</p>");
    out.push_str("<ol class=\"toc\" aria-label=\"Six questions\">");
    for (at, question) in QUESTIONS.iter().enumerate() {
        let _ = write!(
            out,
            "<li><a href=\"#v=2&amp;part={}\"><span>{}</span><span>{question}</span><span class=\"n\">{}</span></a></li>",
            at + 6,
            at + 1,
            answer(at, report, insights)
        );
    }
    out.push_str("</ol></div></div><figure class=\"race\">");
    stage(&mut out, race);
    out.push_str("</figure></section>");
    plain(&mut out, insights);
    out.push_str("</main>");
    out
}

/// The story where scripts are off: what each pattern says here, beside the paper.
fn plain(out: &mut String, insights: &[Insight]) {
    out.push_str("<noscript><section class=\"plain\"><h2>Six patterns</h2><p>With scripts on, moescope measures them again in your browser, on this synthetic workload or on your own trace, and nothing is uploaded. Below is what it measured when this site was built.</p>");
    for insight in insights {
        let text = |words: &str| words.replace('&', "&amp;").replace('<', "&lt;");
        let words = |v: Option<f64>| v.map_or_else(|| "\u{2013}".into(), |v| amount(v, insight.times));
        let _ = write!(
            out,
            "<h3>{}</h3><p>{} {}</p><table><thead><tr><th scope=\"col\">{}</th><th scope=\"col\">Here</th><th scope=\"col\">Paper</th></tr></thead><tbody>",
            text(&insight.question),
            text(&insight.answer),
            text(&insight.lesson),
            text(&insight.measure)
        );
        for bar in &insight.bars {
            let _ = write!(
                out,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>",
                text(&bar.what),
                words(bar.value),
                words(bar.paper)
            );
        }
        out.push_str("</tbody></table>");
    }
    out.push_str("</section></noscript>");
}

fn bar(out: &mut String, race: &Race) {
    let model = race.title();
    let model = model.split(',').next().unwrap_or_default();
    out.push_str("<header class=\"bar\"><a class=\"logo\" href=\"#v=2\" aria-label=\"moescope, from the start\"><img src=\"icon.svg\" alt=\"\" width=\"24\" height=\"24\" /><span>moescope</span></a><nav class=\"views\" aria-label=\"Views\">");
    for (at, name) in ["Story", "Explore", "Simulate", "Deploy", "Paper"].into_iter().enumerate() {
        let here = if at == 0 { " aria-current=\"page\"" } else { "" };
        let _ = write!(out, "<a class=\"tab\"{here} href=\"#v=2&amp;view={}\">{name}</a>", name.to_lowercase());
    }
    let _ = write!(
        out,
        "</nav><span class=\"grow\"></span><span class=\"trace-chip btn\"><b>{model}</b> <span>synthetic</span> <span class=\"only-d\">\u{b7} drop a trace</span></span></header>"
    );
}

/// The race at its first finish.
fn stage(out: &mut String, race: &Race) {
    let [first, whole] = race.times();
    let most = race.lanes.iter().flat_map(|l| [l.speedup, l.paper.map_or(0.0, |p| p.0)]).fold(0.0, f64::max);
    let (to, ticks) = axis(most);
    let (number, unit) = clock(race, first);
    let _ = write!(
        out,
        "<div class=\"race-in\"><div class=\"race-h\"><span class=\"round btn\" aria-hidden=\"true\"></span><span class=\"clock\">{number}<small>{unit}</small></span><span class=\"scrub\">"
    );
    for lane in &race.lanes {
        let _ =
            write!(out, "<i class=\"tick {}\" style=\"left:{:.2}%\"></i>", lane.tone, lane.run.seconds / whole * 100.0);
    }
    out.push_str("</span>");
    if race.report.synthetic {
        out.push_str("<span class=\"badge syn only-d\">synthetic workload</span>");
    }
    out.push_str("</div><div class=\"pair\">");
    for lane in race.pair() {
        duel(out, race, lane, first);
    }
    let [device, _] = race.words();
    let _ = write!(
        out,
        "</div><div class=\"key race-key\"><span>links busy 0%<i class=\"rampbar\"></i>100%</span><span class=\"only-d\">width: bytes</span><span class=\"only-d\">fill: work of a {device} done</span><span>means over the batch, {}</span><span class=\"what only-d\">{}</span></div>",
        race.speed_words(),
        race.title()
    );
    let _ = write!(
        out,
        "<div class=\"lanes won\" style=\"--step:{:.4}%;--part:{:.5}\">",
        100.0 / (ticks.len() - 1) as f64,
        race.best().speedup / to
    );
    for lane in &race.lanes {
        row(out, race, lane, first, to);
    }
    let _ = write!(out, "<span class=\"flag {}\" aria-hidden=\"true\"></span></div>", race.best().tone);
    out.push_str("<div class=\"axis\" aria-hidden=\"true\"><div>");
    for tick in &ticks {
        let _ = write!(out, "<i style=\"left:{:.2}%\">{}×</i>", tick / to * 100.0, significant(*tick, 3));
    }
    out.push_str("</div></div><div class=\"key dia-key\">");
    let any = |own: bool| race.lanes.iter().any(|l| l.paper.is_some_and(|p| p.1 == own));
    if any(true) {
        out.push_str("<span><i class=\"dia\"></i>the paper, this model, mean over its batches and wafers</span>");
    }
    if any(false) {
        out.push_str("<span><i class=\"dia o\"></i>the paper, mean of four models</span>");
    }
    if race.report.synthetic {
        out.push_str("<span class=\"badge syn only-m\">synthetic workload</span>");
    }
    out.push_str("</div></div>");
}

fn duel(out: &mut String, race: &Race, lane: &Lane, at: f64) {
    let grid = big(race);
    let (w, h) = grid.size();
    let run = &lane.run;
    let done = if at >= run.seconds { " done" } else { "" };
    let _ = write!(
        out,
        "<figure class=\"duel {}{done}\"><figcaption><b>{}</b><span>{} hops</span><span>{}</span></figcaption><svg class=\"wafer\" viewBox=\"10 10 {:.0} {:.0}\" role=\"img\" aria-label=\"{}: {} {}s, {} hops, links busy {}% of the time on average\"><g>",
        lane.tone,
        run.strategy,
        grouped(run.hops),
        state_words(race, lane, at),
        w - 20.0,
        h - 20.0,
        run.strategy,
        race.mesh.dies(),
        race.words()[0],
        run.hops,
        significant(race.busy(run) * 100.0, 2)
    );
    let idle = vec![Wire::default(); race.links.len()];
    out.push_str("<g class=\"idle\">");
    wires(out, &grid, &race.links, &idle, &race.faults);
    out.push_str("</g><g class=\"busy\">");
    wires(out, &grid, &race.links, &race.wires(run), &race.faults);
    out.push_str("</g>");
    wafer::gauges(out, &grid, &[], &race.faults);
    let path = gauges(&grid, grid.tile * 0.07, &race.done(run, at));
    let _ = write!(out, "</g><path fill=\"var(--c)\" d=\"{path}\" /></svg></figure>");
}

fn row(out: &mut String, race: &Race, lane: &Lane, at: f64, to: f64) {
    let grid = small(race);
    let (w, h) = grid.size();
    let done = if at >= lane.run.seconds { " done" } else { "" };
    let _ = write!(
        out,
        "<div class=\"lane {}{done}\"><svg class=\"wafer\" viewBox=\"0 0 {w:.0} {h:.0}\" aria-hidden=\"true\"><g>",
        lane.tone
    );
    mini(out, &grid, &[]);
    let fills = gauges(&grid, 0.0, &race.done(&lane.run, at));
    let (name, part) = (&lane.run.strategy, lane.speedup.min(to) / to * 100.0);
    let words = times(lane.speedup);
    let [inside, over] = lane.room(to);
    let inner = if inside { words.as_str() } else { "" };
    let _ = write!(
        out,
        "</g><path fill=\"var(--c)\" d=\"{fills}\" /></svg><span class=\"nm\">{name}</span><div class=\"track\"><span class=\"fill\" style=\"width:{part:.2}%\">{inner}</span>"
    );
    if !inside {
        let _ = write!(out, "<span class=\"val\" style=\"left:{part:.2}%\">{words}</span>");
    }
    if let Some((value, own)) = lane.paper {
        let at = value / to * 100.0;
        let _ = write!(
            out,
            "<i class=\"dia{}\" style=\"left:{at:.2}%\"></i><span class=\"dl{}\" style=\"left:{at:.2}%\"><span class=\"hidden\">the paper: </span>{}×</span>",
            if own { "" } else { " o" },
            if over { " left" } else { "" },
            significant(value, 3)
        );
    }
    let (number, unit) = clock(race, at.min(lane.run.seconds));
    let dots = if done.is_empty() { "…" } else { "" };
    let _ = write!(out, "</div><span class=\"watch\"><span>{number}{dots}</span><small>{unit}</small></span></div>");
}
