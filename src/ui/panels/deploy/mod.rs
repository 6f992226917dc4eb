//! Which placement to run: the answer in a sentence, the load of each device, placements by dispatches on requests that they were not
//! made from, and the file that a server takes. Apart from the simulator, which compares the paper's strategies on one batch.

mod answer;
mod ask;
mod controls;
mod export;
mod later;
mod loads;
mod looked;
mod strategies;

use leptos::prelude::*;

use self::looked::Desk;
use crate::ui::store::Store;

/// The view.
#[component]
pub(crate) fn Deploy(store: Store) -> impl IntoView {
    let desk = Desk::new(store);
    ask::begin(desk);
    let device = Memo::new(move |_| desk.device());
    // Once something was compared the figures keep their room, whatever is compared next.
    let ever = Memo::new(move |before: Option<&bool>| before == Some(&true) || desk.report().is_some());
    let figures = move || {
        // Made anew where a device has another name, or the reader's own placement comes or goes: titles and heights do not follow.
        let (device, has_file) = (device.get(), desk.has_file.get());
        view! { {loads::load(desk, device, has_file)} {loads::layers(desk, device)} }
    };
    view! {
        <div class="dep">
            <section class="dep-main" class:void=move || ask::unknown(desk).is_some() aria-labelledby="deploy-title">
                <h2 id="deploy-title">"Which placement should you deploy?"</h2>
                {answer::answer(desk)}
                {controls::controls(desk)}
                {ask::progress(desk)}
                <div class="dep-figs" class:later=move || !ever.get()>
                    {figures}
                    {strategies::card(desk)}
                    {later::rebalance(desk)}
                    {later::caches(desk)}
                </div>
            </section>
            <aside class="dep-side" aria-label="Take it away">{export::side(desk)}</aside>
        </div>
    }
}
