//! Small form controls with a label and, where a value is inferred, a word that says so.

use leptos::prelude::*;

/// A choice.
#[component]
pub(super) fn Choice(
    id: &'static str,
    label: &'static str,
    /// Value and words of each option.
    #[prop(into)]
    options: Signal<Vec<(String, String)>>,
    #[prop(into)] value: Signal<String>,
    on_change: impl Fn(String) + 'static,
    /// What it changes; shown as "inferred" if the paper leaves it open.
    #[prop(optional)]
    inferred: &'static str,
) -> impl IntoView {
    choice(id, label, options, value, Box::new(on_change), inferred)
}

/// The body of [`Choice`], compiled once for all.
fn choice(
    id: &'static str,
    label: &'static str,
    options: Signal<Vec<(String, String)>>,
    value: Signal<String>,
    on_change: Box<dyn Fn(String)>,
    inferred: &'static str,
) -> AnyView {
    view! {
        <label class="control" for=id>
            <span>{label} {mark(inferred)}</span>
            <select id=id on:change=move |e| on_change(event_target_value(&e)) prop:value=move || value.get()>
                {move || {
                    let chosen = value.get();
                    options
                        .get()
                        .into_iter()
                        .map(|(name, words)| {
                            let selected = name == chosen;
                            view! { <option value=name selected=selected>{words}</option> }
                        })
                        .collect_view()
                }}
            </select>
        </label>
    }
    .into_any()
}

/// A number that counts once it is entered.
#[component]
pub(super) fn Number(
    id: &'static str,
    label: &'static str,
    #[prop(into)] value: Signal<String>,
    /// Takes the text, or says why not.
    on_change: impl Fn(String) -> Result<(), String> + 'static,
    #[prop(optional)] inferred: &'static str,
    /// What it changes.
    #[prop(optional)]
    title: &'static str,
) -> impl IntoView {
    number(id, label, value, Box::new(on_change), [inferred, title])
}

/// The body of [`Number`], compiled once for all.
fn number(
    id: &'static str,
    label: &'static str,
    value: Signal<String>,
    on_change: Box<dyn Fn(String) -> Result<(), String>>,
    [inferred, title]: [&'static str; 2],
) -> AnyView {
    let problem = RwSignal::new(None::<String>);
    let changed = move |e| problem.set(on_change(event_target_value(&e)).err());
    view! {
        <label class="control" for=id title=title>
            <span>{label} {mark(inferred)}</span>
            <input
                id=id
                type="text"
                inputmode="decimal"
                autocomplete="off"
                prop:value=move || value.get()
                on:change=changed
                aria-invalid=move || problem.get().is_some().to_string()
            />
            {move || problem.get().map(|why| view! { <span class="problem" role="alert">{why}</span> })}
        </label>
    }
    .into_any()
}

fn mark(inferred: &'static str) -> Option<impl IntoView> {
    (!inferred.is_empty()).then(|| view! { <abbr class="inferred" title=inferred>"inferred"</abbr> })
}
