//! A part of the page whose code is fetched once it is asked for: scripts/split.mjs cuts the page where `wasm_split` stands. Until the
//! code is there a line says so; if it does not come, the reader can ask again.

use std::pin::Pin;
use std::time::Duration;

use leptos::prelude::*;
use leptos::reactive::computed::ScopedFuture;
use leptos::wasm_split::SplitLoaderError;

use super::store::Store;

/// A view whose code is under way.
pub(super) type Fetched = Pin<Box<dyn Future<Output = Result<AnyView, SplitLoaderError>>>>;

/// Where the code is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    Unasked,
    Coming,
    There,
    Failed,
}

/// What `make` makes, as soon as it is `asked` for.
pub(super) fn later(store: Store, make: impl Fn() -> Fetched + 'static, asked: Memo<bool>) -> AnyView {
    let code = RwSignal::new(Code::Unasked);
    let made = StoredValue::new_local(None::<AnyView>);
    // What is made belongs to who asked for it, whenever the code comes.
    let owner = Owner::current().unwrap_or_default();
    let fetch = StoredValue::new_local(move || {
        code.set(Code::Coming);
        store.coming.update(|n| *n += 1);
        let coming = owner.with(|| ScopedFuture::new_untracked(make()));
        leptos::task::spawn_local(async move {
            let view = coming.await.ok();
            let there = view.is_some();
            made.try_set_value(view);
            let _ = code.try_set(if there { Code::There } else { Code::Failed });
            // Once what was made stands on the page and has asked its own questions.
            let done = move || {
                store.arrived.update(|n| *n += 1);
                store.coming.update(|n| *n -= 1);
            };
            set_timeout(done, Duration::ZERO);
        });
    });
    Effect::new(move |_| {
        if asked.get() && code.get_untracked() == Code::Unasked {
            fetch.with_value(|f| f());
        }
    });
    (move || match code.get() {
        Code::There => made.try_update_value(Option::take).flatten(),
        Code::Failed => Some(
            view! {
                <div class="later" role="alert">
                    <p>"This part of the page could not be fetched: the connection broke, or the site has a newer version."</p>
                    <button type="button" on:click=move |_| fetch.with_value(|f| f())>"Try again"</button>
                </div>
            }
            .into_any(),
        ),
        Code::Coming => Some(view! { <p class="later" role="status">"Fetching this part of the page\u{2026}"</p> }.into_any()),
        Code::Unasked => None,
    })
    .into_any()
}
