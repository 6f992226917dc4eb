//! Not a test of right or wrong: what the simulator does in a second in this browser, printed by `make speed`.

use super::*;

#[test]
#[ignore = "a measurement: make speed"]
fn simulator() {
    let Some((mut b, url)) = begin() else { return };
    b.patience = std::time::Duration::from_secs(180);
    let cores = b.eval("navigator.hardwareConcurrency");
    println!("Chromium, {cores} cores");
    for model in ["deepseek-v3", "kimi-k2", "qwen3-235b", "llama4-maverick"] {
        b.open(&format!("{url}?{model}#v=1&model={model}"));
        settled(&mut b);
        b.wait("document.querySelectorAll('#observations tbody tr').length === 10");
        let best = b.eval(&format!(
            "(async () => {{ let best = 1e9, r; for (let i = 0; i < 5; i++) {{ const t = performance.now(); r = await moescope.run('v=1&model={model}'); best = Math.min(best, performance.now() - t); }} \
             const flows = r.runs.reduce((s, x) => s + x.reads.local + x.reads.remote + x.reads.writes, 0); return [best, r.runs.length * 16 * r.layers.length, flows]; }})()"
        ));
        let [ms, layers, flows] = [0, 1, 2].map(|i| best[i].as_f64().unwrap());
        println!(
            "{model}: five strategies, 6 layers, 16 steps, batch 8192: {ms:.0} ms, {:.0} layer simulations/s, {:.0} k flows/s",
            layers / ms * 1e3,
            flows / ms
        );
    }
    for layers in ["6", "all"] {
        b.open(&format!("{url}?{layers}#v=1&model=llama4-maverick&layers={layers}"));
        settled(&mut b);
        b.eval("window.began = performance.now()");
        b.click("#reproduce");
        b.wait("!!document.querySelector('#paper-done')");
        let ms = b.eval("performance.now() - window.began").as_f64().unwrap();
        println!("Figure 12, layers={layers}: {:.1} s", ms / 1e3);
    }
}
