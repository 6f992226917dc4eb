//! What a recording leaves open and how sound it is: questions with a field each, badges with what was found where, and what each file
//! is. Apart from the sheet, because a load that fails asks too.

use leptos::prelude::*;

use crate::protocol::{Badge, Field, FileSeen, Info, Question};
use crate::ui::load::answer;
use crate::ui::store::Store;
use crate::units::{bytes, grouped};

/// The questions of the last load that nobody has answered yet.
pub(super) fn questions(store: Store) -> Option<AnyView> {
    let all = store.loaded.questions.get();
    let given = store.settings.with(|e| [("hidden", e.workload.hidden), ("intermediate", e.workload.intermediate)]);
    let answered = |q: &Question| given.iter().any(|(key, value)| q.key == *key && *value > 0);
    let open: Vec<Question> = all.into_iter().filter(|q| !answered(q)).collect();
    if open.is_empty() {
        return None;
    }
    Some(
        view! {
            <section class="asks" id="questions" aria-label="What the recording does not hold">
                <h3>"What this recording does not say"</h3>
                {open.into_iter().map(|q| question(store, q)).collect_view()}
            </section>
        }
        .into_any(),
    )
}

fn question(store: Store, of: Question) -> AnyView {
    let problem = RwSignal::new(None::<String>);
    let (id, key) = (format!("ask-{}", of.key), of.key.clone());
    let take = move |value: String| problem.set(answer(store, &key, &value).err());
    let take = StoredValue::new_local(take);
    let suggestions = of.suggestions.iter().map(|s| {
        let (value, says) = (s.value.clone(), s.says.clone());
        let shown = value.clone();
        view! { <button type="button" title=says on:click=move |_| take.with_value(|t| t(value.clone()))>{shown}</button> }
    });
    let hint = match of.field {
        Field::Number { least, most } => format!("{} to {}", grouped(least), grouped(most)),
        Field::Phase { .. } => "prefill, decode or first:N".into(),
    };
    let name = of.key.clone();
    view! {
        <div class="ask" class:needed=of.needed>
            <label for=id.clone()><b>{of.what}</b> {of.needed.then_some(" (needed)")}</label>
            <p>{of.why} {(!of.files.is_empty()).then(|| format!(" In {}.", of.files.join(", ")))}</p>
            <div class="row">
                {suggestions.collect_view()}
                <input
                    id=id
                    type="text"
                    name=name
                    placeholder=hint
                    autocomplete="off"
                    aria-invalid=move || problem.get().is_some().to_string()
                    on:change=move |e| take.with_value(|t| t(event_target_value(&e)))
                />
            </div>
            {move || problem.get().map(|why| view! { <p class="problem" role="alert">{why}</p> })}
        </div>
    }
    .into_any()
}

/// The checks that found something, each with what, where, how often, and a way to overrule it.
pub(super) fn badges(store: Store, info: &Info) -> Option<AnyView> {
    if info.badges.is_empty() {
        return None;
    }
    let one = |badge: &Badge| {
        let spots = badge.spots.iter().map(|s| {
            let at = s.place.to_string();
            view! { <li><strong>{s.file.clone()}</strong> {(!at.is_empty()).then(|| format!(", {at}"))} ": " {s.says.clone()} " Kept: " {s.kept.clone()} "."</li> }
        });
        let problem = RwSignal::new(None::<String>);
        let overrule = badge.overrule.clone().map(|o| {
            view! {
                <button type="button" on:click=move |_| problem.set(answer(store, &o.key, &o.value).err())>"Read it as it is"</button>
            }
        });
        view! {
            <details class="found" data-check=badge.check.clone()>
                <summary><span class="badge warn">{badge.short.clone()}</span> " " {grouped(badge.count)} " in " {grouped(badge.files)} {if badge.files == 1 { " file" } else { " files" }}</summary>
                <p>{badge.long.clone()} " " {badge.mend.clone()}</p>
                <ul>{spots.collect_view()}</ul>
                {overrule}
                {move || problem.get().map(|why| view! { <p class="problem" role="alert">{why}</p> })}
            </details>
        }
    };
    Some(view! { <div id="badges">{info.badges.iter().map(one).collect_view()}</div> }.into_any())
}

/// What each file is, as `moescope inspect` tells it.
pub(super) fn seen(info: &Info) -> Option<AnyView> {
    if info.seen.files.is_empty() {
        return None;
    }
    let row = |f: &FileSeen| {
        let held: Vec<String> = f.held.iter().map(|h| format!("{} {:?} {}", h.name, h.shape, h.dtype)).collect();
        let [prefill, decode, unmarked] = f.tokens.map(grouped);
        view! {
            <tr>
                <th scope="row">{f.path.clone()}</th>
                <td class="words">{f.says.clone()} {(!held.is_empty()).then(|| format!(": {}", held.join("; ")))}</td>
                <td>{bytes(f.bytes as f64)}</td>
                <td>{grouped(f.requests)}</td>
                <td>{prefill} " / " {decode} " / " {unmarked}</td>
                <td>{f.layers.len()} " × " {f.experts} ", top-" {f.top_k}</td>
            </tr>
        }
    };
    let more = info.seen.more;
    Some(
        view! {
            <details id="seen">
                <summary>"What each file is"</summary>
                <div class="scroll rows" tabindex="0" role="region" aria-label="What each file is">
                    <table>
                        <thead>
                            <tr>
                                <th scope="col">"File"</th>
                                <th scope="col" class="words">"Read as"</th>
                                <th scope="col">"Size"</th>
                                <th scope="col">"Requests"</th>
                                <th scope="col">"Tokens: prefill / decode / unmarked"</th>
                                <th scope="col">"Layers × experts"</th>
                            </tr>
                        </thead>
                        <tbody>{info.seen.files.iter().map(row).collect_view()}</tbody>
                    </table>
                </div>
                {(more > 0).then(|| view! { <p>{grouped(more)} " more files; moescope inspect lists all."</p> })}
            </details>
        }
        .into_any(),
    )
}
