//! Numbers for people and programs: rounded to read, exact in the element's value.

use leptos::prelude::*;

use crate::units::{percent, significant};

/// A number with `digits` significant digits; its `value` holds all of them.
pub(super) fn number(value: f64, digits: usize, unit: &'static str) -> impl IntoView {
    view! { <data value=value.to_string()>{significant(value, digits)}{unit}</data> }
}

/// A share as a percentage.
pub(super) fn share(value: Option<f64>) -> impl IntoView {
    match value {
        Some(v) => view! { <data value=v.to_string()>{percent(v)}</data> }.into_any(),
        None => "–".into_any(),
    }
}

/// A count.
pub(super) fn count(value: u64) -> impl IntoView {
    view! { <data value=value.to_string()>{crate::units::grouped(value)}</data> }
}

/// A name, a value and, where there is one, the paper's.
pub(super) fn fact(name: &str, id: &str, value: impl IntoView, paper: Option<String>) -> AnyView {
    let (name, id, value) = (name.to_string(), id.to_string(), value.into_any());
    view! {
        <div class="fact" id=id>
            <dt>{name}</dt>
            <dd>{value} {paper.map(|p| view! { <small>{p}</small> })}</dd>
        </div>
    }
    .into_any()
}
