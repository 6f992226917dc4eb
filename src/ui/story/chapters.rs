//! The five chapters: the words beside the wafer. Each looks at the run before it speaks, so that a tie is called one.

use std::sync::Arc;

use leptos::prelude::*;

use super::CHAPTERS;
use super::batches::{Runs, Slider};
use super::scroll::Place;
use crate::plot::race::{Lane, Race, TIE, times, uneven};
use crate::sim::{Activations, Bound};
use crate::ui::store::Store;
use crate::units::{grouped, seconds, significant, whole};

const NAMES: [&str; CHAPTERS] =
    ["the wafer as one GPU", "expert parallelism", "Algorithm 1", "the predictor", "when do strategies part"];

/// What a chapter says: a headline, paragraphs, and a few numbers with their words.
struct Said {
    title: String,
    text: Vec<AnyView>,
    numbers: Vec<(String, &'static str)>,
}

#[component]
pub(super) fn Chapters(
    store: Store,
    race: Memo<Option<Arc<Race>>>,
    why: Memo<Option<String>>,
    place: Place,
    runs: Runs,
) -> impl IntoView {
    let chapter = move |n: usize, tell: fn(&Race) -> Said| {
        let words = move || match (why.get(), race.get()) {
            (Some(why), _) => view! { <p>{why}</p> }.into_any(),
            (None, None) => {
                view! { <h2>{waiting(n)}</h2><p class="mute">"The run that this is about is being simulated."</p> }
                    .into_any()
            }
            (None, Some(race)) => shown(tell(&race)),
        };
        let name = move || {
            let one = race.with(|r| r.as_ref().map_or("wafer", |r| r.words()[1]));
            format!("{n} of {CHAPTERS} · {}", NAMES[n - 1].replace("wafer", one))
        };
        view! { <article class="chap" data-part=n.to_string()><span class="no">{name}</span>{words}</article> }
    };
    view! {
        <div class="chapters">
            {chapter(1, base)}
            {chapter(2, ep)}
            {chapter(3, allo)}
            {chapter(4, pred)}
            <article class="chap" data-part="5">
                <span class="no">{format!("5 of {CHAPTERS} · {}", NAMES[4])}</span>
                <Slider store race why place runs />
            </article>
        </div>
    }
}

/// A headline that holds whatever the run says.
fn waiting(n: usize) -> &'static str {
    ["Where do the weights lie?", "Send tokens to the experts?", "Share the hottest experts?", "Keep what comes again?"]
        [n - 1]
}

fn shown(said: Said) -> AnyView {
    let number = |(value, what): (String, &'static str)| view! { <b>{value}</b><span>{what}</span> };
    view! {
        <h2>{said.title}</h2>
        {said.text.into_iter().map(|t| view! { <p>{t}</p> }).collect_view()}
        <div class="measure">{said.numbers.into_iter().map(number).collect_view()}</div>
    }
    .into_any()
}

fn num(text: impl Into<String>) -> AnyView {
    let text = text.into();
    view! { <span class="num">{text}</span> }.into_any()
}

fn plain(text: impl Into<String>) -> AnyView {
    let text: String = text.into();
    text.into_any()
}

/// The run leaves a strategy out.
fn absent(name: &str) -> Said {
    Said {
        title: format!("This run leaves {name} out."),
        text: vec![plain(
            "Simulate has the strategies of a run; with all five of the paper this chapter has its numbers.",
        )],
        numbers: Vec::new(),
    }
}

/// How a strategy's time stands to another's.
fn against(lane: &Lane, other: &Lane) -> f64 {
    other.run.seconds / lane.run.seconds
}

fn base(race: &Race) -> Said {
    let lane = race.lane("base").unwrap_or(race.over());
    let run = &lane.run;
    let [device, machine] = race.words();
    let reads = run.reads.local + run.reads.remote;
    let remote = run.reads.remote as f64 / reads.max(1) as f64;
    let dies = race.mesh.dies() - race.faults.dies.len();
    let limit = |bound: usize| {
        let of = |l: &&[f64; 3]| (0..3).all(|b| l[b] <= l[bound]);
        run.layer_seconds.iter().filter(of).count()
    };
    let layers = run.layer_seconds.len();
    let port = if race.links.is_empty() { "port" } else { "link" };
    let (title, why) = match run.bound {
        Bound::Link => {
            let all = limit(2);
            let which =
                if all == layers { format!("In all {layers} layers") } else { format!("In {all} of {layers} layers") };
            (
                "The computing is easy. The fetching is not.",
                format!("{which} the busiest {port} is done last, and everything else waits for it."),
            )
        }
        Bound::Hbm => (
            "The fetching keeps up. The memories do not.",
            format!(
                "The {port}s do not set the pace here: in {} of {layers} layers the busiest memory is done last.",
                limit(1)
            ),
        ),
        Bound::Compute => (
            "Here even the fetching is hidden.",
            format!("Computing sets the pace in {} of {layers} layers; what is fetched arrives meanwhile.", limit(0)),
        ),
    };
    let first = view! {
        {format!("{} {device}s, each with its own memory, share the experts of every layer. Asked to act as one GPU, the {machine} deals its tokens out evenly, and a {device} fetches whatever they need: ", grouped(dies as u64))}
        {num(whole(remote))} {format!(" of the reads of weights go to another {device}.")}
    };
    Said {
        title: title.into(),
        text: vec![first.into_any(), plain(why)],
        numbers: vec![
            (seconds(run.seconds), "for one batch"),
            (grouped(run.hops), "hops of an expert\u{2019}s weights"),
        ],
    }
}

fn ep(race: &Race) -> Said {
    let Some(lane) = race.lane("ep") else { return absent("ep") };
    let base = race.lane("base").unwrap_or(race.over());
    let run = &lane.run;
    let [device, machine] = race.words();
    let gain = against(lane, base);
    let silent = run.hops == 0;
    let title = match (silent, gain) {
        (_, g) if g < 1.0 - TIE => "Staying at home costs time here.".to_string(),
        (true, _) if race.links.is_empty() => "Leave every expert at home, and nothing is fetched.".into(),
        (true, _) => "Leave every expert at home, and the links go dark.".into(),
        (false, _) => "Leave every expert at home, almost.".into(),
    };
    let moved = if silent {
        "Not one weight moves".to_string()
    } else {
        format!("Weights still make {} hops", grouped(run.hops))
    };
    let time = match gain {
        g if g >= 1.0 + TIE => {
            format!(", and the batch takes {} of the time that the {machine} needs as one GPU: ", whole(1.0 / g))
        }
        g if g > 1.0 - TIE => ", yet the batch takes as long as with the machine as one GPU: ".to_string(),
        g => format!(
            ", yet the batch takes {} times as long as with the {machine} as one GPU: ",
            significant(1.0 / g, 3)
        ),
    };
    let first = view! { "Send the tokens to an expert, not the expert to its tokens. " {moved} {time} {num(seconds(run.seconds))} "." };
    let mut text = vec![first.into_any()];
    if let Some(u) = uneven(race, run) {
        let live = race.mesh.dies() - race.faults.dies.len();
        let even = u.most.1 < 1.0 + TIE;
        text.push(if even {
            plain(format!("And the work is even: no {device} computes more than {}× its fair share.", significant(u.most.1, 3)))
        } else {
            view! {
                "What is left is "<span class="u st-ep">"uneven work"</span>". The busiest " {device} " computes " {num(format!("{}×", significant(u.most.1, 3)))}
                {format!(" its fair share over the batch, and in each layer the other {} wait for whichever is last.", live.saturating_sub(1))}
            }
            .into_any()
        });
    }
    text.push(match race.experiment.run.activations {
        Activations::Free => plain(
            "The tokens themselves travel for free in this model, as in the paper: their way is not simulated here.",
        ),
        _ => plain("The tokens\u{2019} own way to their experts and back is counted."),
    });
    Said { title, text, numbers: vec![(times(against(lane, base)), "over base"), (grouped(run.hops), "hops")] }
}

fn allo(race: &Race) -> Said {
    let Some(lane) = race.lane("allo") else { return absent("allo") };
    let [device, _] = race.words();
    let other = race.lane("ep").unwrap_or(race.over());
    let name = &other.run.strategy;
    let gain = against(lane, other);
    let title = match gain {
        g if g > 1.0 + TIE => "Lend the hottest experts to the neighbours.".to_string(),
        g if g < 1.0 - TIE => "Sharing the hottest experts does not pay here.".into(),
        _ => "Nobody is late enough to be helped.".into(),
    };
    let how = format!(
        "Algorithm 1 looks at the counts of a layer before it begins. Where one {device} would be late, its hottest experts also run on {device}s close by, if reading the weights there costs less than the wait."
    );
    let before = uneven(race, &other.run).map(|u| u.most.1);
    let after = uneven(race, &lane.run).map(|u| u.most.1);
    let result = match (before, after) {
        (Some(b), Some(a)) if gain > 1.0 + TIE => view! {
            {format!("The busiest {device} goes from ")} {num(format!("{}×", significant(b, 3)))} " to " {num(format!("{}×", significant(a, 3)))}
            {format!(" its fair share, for {} hops, and the batch is ", grouped(lane.run.hops))} {num(times(gain))} {format!(" as fast as with {name}.")}
        }
        .into_any(),
        _ if lane.run.hops == 0 => plain(format!("In this run it moves nothing at all, and takes as long as {name} within {:.1}%.", (gain - 1.0).abs() * 100.0)),
        _ if gain < 1.0 - TIE => plain(format!("In this run its {} hops cost more than they save: {name} is {} times as fast.", grouped(lane.run.hops), significant(1.0 / gain, 3))),
        _ => plain(format!("In this run it makes {} hops and ties with {name}, within {:.1}%.", grouped(lane.run.hops), (gain - 1.0).abs() * 100.0)),
    };
    Said {
        title,
        text: vec![plain(how), result],
        numbers: vec![(times(lane.speedup), over(race)), (grouped(lane.run.hops), "hops")],
    }
}

fn over(race: &Race) -> &'static str {
    if race.over().run.strategy == "base" { "over base" } else { "over the baseline" }
}

fn pred(race: &Race) -> Said {
    let [device, _] = race.words();
    let (alone, both) = (race.lane("pred"), race.lane("allo+pred"));
    let Some(lane) = both.or(alone) else { return absent("pred") };
    let base = race.lane("base").unwrap_or(race.over());
    let copies: u64 = lane.run.copies.iter().sum();
    let mut text = vec![plain(format!(
        "What a token chose says what the next one will. So a {device} that has fetched an expert writes the likely ones into its own memory, and reads them there the next time."
    ))];
    if let Some(alone) = alone {
        let gain = against(alone, base);
        let same = alone.run.hops == base.run.hops;
        let fewer = base.run.hops as f64 / alone.run.hops.max(1) as f64;
        text.push(if same {
            plain(format!("Alone, prediction makes as many hops as base here: {}.", grouped(alone.run.hops)))
        } else {
            view! {
                "Alone, prediction takes the hops from " {num(grouped(base.run.hops))} " to " {num(grouped(alone.run.hops))}
                {if fewer > 1.0 + TIE { format!(", {} times fewer", significant(fewer, 3)) } else { String::new() }}
                {if gain > 1.0 + TIE { ", and makes the batch " } else { ", which leaves the batch " }} {num(times(gain))} " as fast as base."
            }
            .into_any()
        });
    }
    let mut gain = 1.0;
    if let (Some(both), Some(allo)) = (both, race.lane("allo")) {
        gain = against(both, allo);
        text.push(match gain {
            g if g > 1.0 + TIE => plain(format!(
                "With Algorithm 1 it keeps {} copies at the end, so that {} hops become {}, and the batch is {}% faster than with Algorithm 1 alone.",
                grouped(copies), grouped(allo.run.hops), grouped(both.run.hops), significant((g - 1.0) * 100.0, 2)
            )),
            g if g < 1.0 - TIE => plain("With Algorithm 1 it costs more here than it saves."),
            _ => plain(format!("With Algorithm 1 it ties here, within {:.1}%: {} hops become {}.", (gain - 1.0).abs() * 100.0, grouped(allo.run.hops), grouped(both.run.hops))),
        });
    }
    let title = if against(lane, base) < 1.0 + TIE {
        "Keeping copies does not pay here."
    } else if gain > 1.0 + TIE || both.is_none() {
        "Keep what will be asked for again."
    } else {
        "Copies help where the links are busy."
    };
    Said {
        title: title.into(),
        text,
        numbers: vec![
            (times(lane.speedup), over(race)),
            (grouped(lane.run.hops), "hops"),
            (grouped(copies), "copies kept"),
        ],
    }
}
