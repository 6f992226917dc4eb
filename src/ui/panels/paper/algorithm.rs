//! Algorithm 1 and the predictor, step by step on a small wafer (Figures 10 and 11 of the paper): for each block the cost of
//! every candidate, then for each die what it predicts and keeps.

use std::sync::Arc;

use leptos::prelude::*;

use crate::model::{Duplex, Faults, Hardware, MODELS, Mesh, Replicas, SYSTEMS};
use crate::plot::{Chart, MeshPicture};
use crate::sim::{Block, Config, FetchOrder, Holders, Moves, Network, Predictor, allocate_explained};
use crate::ui::figure::{Figure, square};
use crate::ui::settings::change;
use crate::ui::store::Store;
use crate::units::{floor, seconds, significant};

/// A wafer of nine dies and nine experts, of which two are hot.
const MESH: Mesh = Mesh { x: 3, y: 3 };
const COUNTS: [u32; 9] = [620, 40, 90, 60, 480, 30, 110, 20, 70];

/// The example, with the hardware of the first preset and experts of DeepSeek V3's size.
struct Example {
    config: Config,
    blocks: Vec<Block>,
    cached: Vec<Cached>,
}

/// What a die that copies something uses, predicts and copies.
struct Cached {
    die: usize,
    used: Vec<usize>,
    predicted: Vec<usize>,
    copied: Vec<usize>,
}

fn example() -> Example {
    let hardware = Hardware { mesh: MESH, ..SYSTEMS[0].hardware };
    let topology = Arc::new((SYSTEMS[0].build)(&hardware, &Faults::default(), Duplex::Shared));
    let expert_bytes = MODELS[0].expert_bytes(1.0);
    // A token is made slow enough that computing and reading weigh alike with these few tokens.
    let token_seconds = 2.5 * expert_bytes / hardware.hbm / 100.0;
    let config = Config {
        order: topology.live.clone(),
        replicas: Replicas::alike(1, (0..COUNTS.len()).map(|e| e % MESH.dies()).collect(), MESH.dies()).into(),
        expert_bytes,
        token_seconds,
        write: hardware.write,
        penalty: hardware.remote_penalty,
        in_flight: 2,
        block: 50,
        split: 1.25 * expert_bytes / hardware.link / token_seconds,
        predicted: 3,
        slots: vec![2; MESH.dies()],
        moves: Moves::default(),
        fetch: FetchOrder::Id,
        rest_seconds: 0.0,
        topology,
    };
    let (network, home) = (Network::new(&config.topology), config.home(0));
    let holders = Holders::new(config.replicas.placed(0, 0));
    let (x, blocks) = allocate_explained(&COUNTS, &config, &network, &holders);
    // A heat map in which an expert is followed by itself and its neighbours.
    let heat: Vec<u32> = (0..81).map(|i| [9u32, 4, 2, 0, 0][(i / 9usize).abs_diff(i % 9).min(4)]).collect();
    let predictor = Predictor::new(&heat, COUNTS.len(), config.predicted);
    let cached = (0..MESH.dies()).filter_map(|die| {
        let used: Vec<usize> = x.on(die).iter().map(|share| share.expert).collect();
        let set = predictor.union(used.iter().copied());
        let predicted: Vec<usize> = (0..COUNTS.len()).filter(|&e| Predictor::holds(&set, e)).collect();
        let copied: Vec<usize> = used.iter().copied().filter(|&e| home[e] != die && predicted.contains(&e)).collect();
        (!copied.is_empty()).then_some(Cached { die, used, predicted, copied })
    });
    let cached = cached.collect();
    Example { config, blocks, cached }
}

/// The section.
#[component]
pub(super) fn Explain(
    store: Store,
    /// The part of the address was changed here: nothing scrolls.
    here: StoredValue<bool>,
) -> impl IntoView {
    let example = StoredValue::new(example());
    let last = example.with_value(|e| e.blocks.len() + e.cached.len() - 1);
    // The step is in the address, counted from 1; it stays while another part is open.
    let at = Memo::new(move |before: Option<&usize>| {
        let part = store.scene.with(|e| e.view.part.clone());
        let step = part.strip_prefix("algorithm-").and_then(|n| n.parse::<usize>().ok());
        step.map(|n| n.saturating_sub(1).min(last)).or(before.copied()).unwrap_or(0)
    });
    let show = move |step: usize, push: bool| {
        here.set_value(true);
        change(store, push, |e| e.view.part = format!("algorithm-{}", step.min(last) + 1));
    };
    let go = move |by: isize| show(at.get_untracked().saturating_add_signed(by), true);
    view! {
        <section id="piece-algorithm" aria-labelledby="explain-title">
            <h2 id="explain-title">"Algorithm 1 and the predictor, step by step"</h2>
            <p class="aside">
                "An example of nine dies and nine experts, one at home on each die; experts 0 and 4 are hot. First Algorithm 1 (Figure 10) places block after block of tokens, the rarest expert first; then each die keeps what the predictor expects it to use again (Figure 11). The example is ours."
            </p>
            <div class="tools">
                <button type="button" id="explain-back" on:click=move |_| go(-1) prop:disabled=move || at.get() == 0>"Back"</button>
                <button type="button" id="explain-next" on:click=move |_| go(1) prop:disabled=move || at.get() == last>"Next"</button>
                <label class="control wide" for="explain-step">
                    <span>"Step " {move || at.get() + 1} " of " {last + 1}</span>
                    <input
                        id="explain-step"
                        type="range"
                        min="0"
                        max=last.to_string()
                        prop:value=move || at.get().to_string()
                        on:input=move |e| show(event_target_value(&e).parse().unwrap_or(0), false)
                    />
                </label>
            </div>
            <div class="figures steps">
                {picture(store, example, at)}
                <div id="explain-words">{move || example.with_value(|e| step(e, at.get()))}</div>
            </div>
        </section>
    }
}

/// What a step decides, in words and costs.
fn step(example: &Example, at: usize) -> AnyView {
    let ids = |of: &[usize]| of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let Some(block) = example.blocks.get(at) else {
        let Some(Cached { die, used, predicted, copied }) = example.cached.get(at - example.blocks.len()) else {
            return ().into_any();
        };
        return view! {
            <p>"The predictor on die " {*die} ". It computed with experts " {ids(used)} "; the best " {example.config.predicted} " of their rows of the heat map together are " {ids(predicted)} "."</p>
            <p>"Of those that it used and does not store, it keeps a copy of " {ids(copied)} ": in the next step it reads them from its own HBM, and so can its neighbours."</p>
        }
        .into_any();
    };
    let before = example.blocks[..at].iter().filter(|b| b.expert == block.expert).map(|b| b.tokens).sum::<u64>();
    let rows = block.candidates.iter().enumerate().map(|(i, c)| {
        let chosen = i == block.chosen;
        view! {
            <tr class:chosen=chosen>
                <th scope="row">"die " {c.die} {if c.holder { " (home)" } else { "" }}</th>
                <td>{seconds(c.moved)}</td>
                <td>{seconds(c.memory)}</td>
                <td>{seconds(c.compute)}</td>
                <td>{seconds(c.ready())} {if chosen { " ←" } else { "" }}</td>
            </tr>
        }
    });
    view! {
        <p>
            "Expert " {block.expert} ", tokens " {before} " to " {before + block.tokens} " of " {COUNTS[block.expert]}
            ". It may be split over " {floor(f64::from(COUNTS[block.expert]) / example.config.split).max(1)} " dies (tau is "
            {significant(example.config.split, 3)} " tokens). The block goes where memory and computing are done first:"
        </p>
        <div class="scroll" tabindex="0" role="region" aria-label="Candidates">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Candidate"</th>
                        <th scope="col">"fetch"</th>
                        <th scope="col">"memory ready"</th>
                        <th scope="col">"computed"</th>
                        <th scope="col">"cost"</th>
                    </tr>
                </thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn picture(store: Store, example: StoredValue<Example>, at: Memo<usize>) -> AnyView {
    // Tokens of each die after a step.
    let loads = move |at: usize| {
        example.with_value(|e| {
            let mut loads = vec![0u64; MESH.dies()];
            for b in e.blocks.iter().take(at + 1) {
                loads[b.candidates[b.chosen].die] += b.tokens;
            }
            loads
        })
    };
    // The links over which the chosen die fetches the block's expert, or the copies of a die.
    let links = move |at: usize| {
        example.with_value(|e| {
            let mut hot = vec![0.0; MESH.links().len()];
            let mut mark = |from: usize, to: usize| {
                if MESH.distance(from, to) == 1 {
                    hot[MESH.link(from, to)] = 1.0;
                }
            };
            match (e.blocks.get(at), e.cached.get(at.wrapping_sub(e.blocks.len()))) {
                (Some(b), _) => mark(e.config.home(0)[b.expert], b.candidates[b.chosen].die),
                (_, Some(k)) => k.copied.iter().for_each(|&x| mark(e.config.home(0)[x], k.die)),
                _ => {}
            }
            hot
        })
    };
    view! {
        <Figure
            store
            id="explain-mesh"
            title="Tokens placed so far"
            caption=Signal::derive(|| "Dies: tokens placed up to this step, as a share of the fullest die at the end. A bright link: the chosen die fetches the expert over it.".to_string())
            height=square
            chart=move || {
                let now = loads(at.get());
                let most = loads(usize::MAX - 1).into_iter().max().unwrap_or(1).max(1) as f64;
                let dies = now.iter().map(|&n| n as f64 / most).collect();
                let labels = now.iter().map(ToString::to_string).collect();
                Some(Chart::Mesh(MeshPicture::new(MESH, dies, labels, links(at.get()))))
            }
            hover=move |x, y| {
                let die = floor(y) * MESH.x + floor(x);
                let now = loads(at.get_untracked());
                Some(format!("die {die}, home of expert {die} ({} tokens): {} tokens placed", COUNTS.get(die)?, now.get(die)?))
            }
            csv=move || {
                example.with_value(|e| {
                    crate::ui::panels::views::table("block,expert,tokens,die,holder,fetch_seconds,memory_seconds,compute_seconds,chosen", e.blocks.iter().enumerate(), |t, (i, b)| {
                        for (n, c) in b.candidates.iter().enumerate() {
                            t.push_str(&format!("{i},{},{},{},{},{},{},{},{}\n", b.expert, b.tokens, c.die, c.holder, c.moved, c.memory, c.compute, n == b.chosen));
                        }
                    })
                })
            }
        />
    }
    .into_any()
}
