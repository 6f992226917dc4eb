//! The names and values of the settings in a URL. Apart from [`Experiment`], because these are promises to old links.

use std::collections::BTreeSet;

use super::sweep::{SWEPT, whole};
use super::{Experiment, Heat, Learn, Look, PairMap, Serve, Subset, Sweep, Variant, View};
use crate::format::Ids;
use crate::model::{Duplex, FIELDS, Faults, MAX_EXPERTS, MAX_LAYERS, MAX_TOP_K, MODELS, SYSTEMS, Scope};
use crate::place::{PLACEMENTS, Placement, placement_named};
use crate::sim::{Activations, Aim, DISPATCHES, DieOrder, FetchOrder, STRATEGIES, Strategy};

/// Experts of a layer that a recording may be said to have.
#[expect(clippy::cast_possible_truncation, reason = "a few thousand")]
const MOST_EXPERTS: usize = MAX_EXPERTS as usize;

/// One setting: its name, and how its value is written and read.
pub struct Key {
    /// Name in the string.
    pub name: &'static str,
    /// The value.
    pub get: fn(&Experiment) -> String,
    /// Reads a value, or says what would be one.
    pub set: fn(&mut Experiment, &str) -> Result<(), String>,
}

/// A part of a string that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The part as written.
    pub part: String,
    /// Why not.
    pub why: String,
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\u{201c}{}\u{201d}: {}", self.part, self.why)
    }
}

macro_rules! number {
    ($name:literal, $part:ident.$field:ident, $range:expr) => {
        Key {
            name: $name,
            get: |e| e.$part.$field.to_string(),
            set: |e, v| within(v, $range).map(|n| e.$part.$field = n),
        }
    };
}

/// A size that is given only where nothing else says it: empty, and so not written, where the preset or the recording does.
macro_rules! size {
    ($name:literal, $part:ident.$field:ident, $most:expr) => {
        Key {
            name: $name,
            get: |e| if e.$part.$field == 0 { String::new() } else { e.$part.$field.to_string() },
            set: |e, v| {
                e.$part.$field = if v.is_empty() { 0 } else { within(v, 1..=$most)? };
                Ok(())
            },
        }
    };
}

/// A value of the hardware: empty, and so not written, where it is the preset's.
macro_rules! hardware {
    ($name:literal) => {
        Key {
            name: $name,
            get: |e| e.system.hardware.get($name).map_or_else(String::new, ToString::to_string),
            set: |e, v| edit(e, $name, v),
        }
    };
}

/// All settings, in the order in which they are written.
#[must_use]
pub fn keys() -> &'static [Key] {
    const KEYS: &[Key] = &[
        Key {
            name: "model",
            get: |e| e.workload.model.clone(),
            set: |e, v| {
                if !v.is_empty() {
                    one_of(v, MODELS.iter().map(|m| m.name))?;
                }
                e.workload.model = v.into();
                Ok(())
            },
        },
        size!("hidden", workload.hidden, 1 << 17),
        size!("intermediate", workload.intermediate, 1 << 17),
        Key {
            name: "trace",
            get: |e| e.workload.trace.clone(),
            // A link by hand may name an address where a page's own link names digest and address.
            set: |e, v| match digest(v) {
                Err(why) if v.contains(['/', '.']) => {
                    source(v).map(|()| e.view.source = v.into()).map_err(|w| format!("{why}, and {w}"))
                }
                other => other.map(|()| e.workload.trace = v.into()),
            },
        },
        Key { name: "from", get: |e| e.view.source.clone(), set: |e, v| source(v).map(|()| e.view.source = v.into()) },
        number!("seed", workload.seed, 0..=u64::from(u32::MAX)),
        Key {
            name: "wafer",
            get: |e| e.system.wafer.clone(),
            set: |e, v| one_of(v, SYSTEMS.iter().map(|s| s.name)).map(|()| e.system.wafer = v.into()),
        },
        hardware!("columns"),
        hardware!("rows"),
        hardware!("hbm"),
        hardware!("link"),
        hardware!("dram"),
        hardware!("fp16"),
        hardware!("llc"),
        hardware!("hit"),
        hardware!("miss"),
        hardware!("write"),
        hardware!("local"),
        hardware!("hop"),
        hardware!("penalty"),
        hardware!("usable"),
        hardware!("nodes"),
        hardware!("pernode"),
        hardware!("nvlink"),
        hardware!("nic"),
        hardware!("nichop"),
        Key { name: "dead", get: |e| dead_words(&e.system.dead), set: |e, v| dead(v).map(|d| e.system.dead = d) },
        number!("batch", workload.batch, 1..=1 << 20),
        number!("steps", workload.steps, 1..=1024),
        Key {
            name: "serve",
            get: |e| named(&Serve::EACH, e.workload.serve),
            set: |e, v| choice(v, &Serve::EACH).map(|s| e.workload.serve = s),
        },
        Key {
            name: "layers",
            get: |e| if e.workload.layers == 0 { "all".into() } else { e.workload.layers.to_string() },
            set: |e, v| {
                if v == "all" {
                    e.workload.layers = 0;
                    return Ok(());
                }
                within(v, 1..=1024)
                    .map(|n| e.workload.layers = n)
                    .map_err(|why| format!("{why}, or \u{201c}all\u{201d}"))
            },
        },
        Key {
            name: "skip",
            get: |e| if e.workload.skip_collapsed { "collapsed" } else { "none" }.into(),
            set: |e, v| choice(v, &[("none", false), ("collapsed", true)]).map(|b| e.workload.skip_collapsed = b),
        },
        Key {
            name: "strategies",
            get: |e| e.run.strategies.iter().map(|s| s.name()).collect::<Vec<_>>().join(","),
            set: |e, v| {
                // A name that is repeated ten thousand times is looked for once.
                let names: BTreeSet<&str> = v.split(',').collect();
                let read = names.into_iter().map(strategies).collect::<Result<Vec<_>, _>>()?.concat();
                e.run.strategies = read.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
                Ok(())
            },
        },
        Key {
            name: "baseline",
            get: |e| e.run.baseline.name().into(),
            set: |e, v| strategy(v).map(|s| e.run.baseline = s),
        },
        Key {
            name: "heldout",
            get: |e| if e.workload.held_out { "on" } else { "off" }.into(),
            set: |e, v| choice(v, &[("off", false), ("on", true)]).map(|b| e.workload.held_out = b),
        },
        Key {
            name: "learn",
            get: |e| Learn::EACH.iter().find(|l| l.1 == e.workload.learn).map_or("", |l| l.0).into(),
            set: |e, v| choice(v, &Learn::EACH).map(|l| e.workload.learn = l),
        },
        Key {
            name: "unmarked",
            get: |e| e.workload.unmarked.map_or_else(String::new, |m| m.to_string()),
            set: |e, v| {
                e.workload.unmarked = if v.is_empty() { None } else { Some(v.parse()?) };
                Ok(())
            },
        },
        size!("top-k", workload.top_k, MAX_TOP_K),
        size!("experts", workload.experts, MOST_EXPERTS),
        size!("recorded-layers", workload.recorded_layers, MAX_LAYERS),
        size!("dense", workload.dense, MAX_LAYERS),
        Key {
            name: "keep-shared",
            get: |e| if e.workload.keep_shared { "on" } else { "off" }.into(),
            set: |e, v| choice(v, &[("off", false), ("on", true)]).map(|b| e.workload.keep_shared = b),
        },
        Key {
            name: "ids",
            get: |e| e.workload.ids.map_or_else(String::new, |ids| named(&Ids::EACH, ids)),
            set: |e, v| {
                e.workload.ids = if v.is_empty() { None } else { Some(choice(v, &Ids::EACH)?) };
                Ok(())
            },
        },
        Key { name: "home", get: |e| e.run.home.clone(), set: |e, v| home(v).map(|p| e.run.home = p.name.into()) },
        number!("mfu", run.mfu, 0.01..=1.0),
        number!("spare", run.spare, 0..=64),
        number!("groups", run.groups, 1..=1024),
        number!("moves", run.moves, 1..=1024),
        number!("budget", run.budget, 1..=1 << 20),
        Key {
            name: "aim",
            get: |e| e.run.aim.name().into(),
            set: |e, v| choice(v, &Aim::EACH.map(|a| (a.name(), a))).map(|a| e.run.aim = a),
        },
        Key { name: "file", get: |e| e.run.file.clone(), set: |e, v| digest(v).map(|()| e.run.file = v.into()) },
        Key {
            name: "order",
            get: |e| if e.run.order == DieOrder::Row { "row" } else { "column" }.into(),
            set: |e, v| choice(v, &[("row", DieOrder::Row), ("column", DieOrder::Column)]).map(|o| e.run.order = o),
        },
        Key {
            name: "duplex",
            get: |e| if e.system.duplex == Duplex::Shared { "shared" } else { "full" }.into(),
            set: |e, v| choice(v, &[("shared", Duplex::Shared), ("full", Duplex::Full)]).map(|d| e.system.duplex = d),
        },
        number!("flight", run.flight, 1..=64),
        number!("weight", run.weight, 0.25..=4.0),
        number!("predict", run.predict, 0..=100),
        number!("block", run.block, 1..=1 << 20),
        number!("tau", run.tau, 0.01..=100.0),
        Key {
            name: "capacity",
            get: |e| if e.run.limited { "dram" } else { "none" }.into(),
            set: |e, v| choice(v, &[("dram", true), ("none", false)]).map(|b| e.run.limited = b),
        },
        Key {
            name: "activations",
            get: |e| named(&Activations::EACH, e.run.activations),
            set: |e, v| choice(v, &Activations::EACH).map(|a| e.run.activations = a),
        },
        number!("dispatch-bytes", run.dispatch_bytes, 0.125..=8.0),
        number!("combine-bytes", run.combine_bytes, 0.125..=8.0),
        Key {
            name: "rest",
            get: |e| if e.run.rest { "counted" } else { "free" }.into(),
            set: |e, v| choice(v, &[("free", false), ("counted", true)]).map(|b| e.run.rest = b),
        },
        number!("context", run.context, 1..=1 << 24),
        Key {
            name: "fetch",
            get: |e| named(&FetchOrder::EACH, e.run.fetch),
            set: |e, v| choice(v, &FetchOrder::EACH).map(|o| e.run.fetch = o),
        },
        Key {
            name: "view",
            // Not written where the other settings say it.
            get: |e| if e.view.owner() == e.view.view { String::new() } else { e.view.view.name().into() },
            set: |e, v| {
                let named = || choice(v, &View::EACH.map(|view| (view.name(), view)));
                e.view.view = if v.is_empty() { e.view.owner() } else { named()? };
                Ok(())
            },
        },
        Key {
            name: "part",
            get: |e| e.view.part.clone(),
            set: |e, v| slug(v, "part").map(|()| e.view.part = v.into()),
        },
        number!("race", view.race, 0..=1000),
        Key {
            name: "present",
            get: |e| if e.view.present { "1" } else { "0" }.into(),
            set: |e, v| choice(v, &[("0", false), ("1", true)]).map(|on| e.view.present = on),
        },
        Key {
            name: "theme",
            get: |e| e.view.dark.map_or("", |dark| if dark { "dark" } else { "light" }).into(),
            set: |e, v| {
                let each = [("", None), ("light", Some(false)), ("dark", Some(true))];
                choice(v, &each).map(|dark| e.view.dark = dark)
            },
        },
        Key {
            name: "name",
            get: |e| e.view.name.clone(),
            set: |e, v| {
                let plain = v.chars().count() <= 80 && !v.chars().any(char::is_control);
                if plain {
                    e.view.name = v.into();
                }
                plain.then_some(()).ok_or_else(|| "not a name of at most 80 letters".into())
            },
        },
        Key {
            name: "scope",
            get: |e| e.view.scope.name().into(),
            set: |e, v| choice(v, &Scope::EACH.map(|s| (s.name(), s))).map(|s| e.view.scope = s),
        },
        Key {
            name: "layer",
            get: |e| if e.view.mean { "mean".into() } else { e.view.layer.to_string() },
            set: |e, v| {
                e.view.mean = v == "mean";
                if e.view.mean {
                    // A string has no place for both.
                    e.view.layer = 0;
                    return Ok(());
                }
                within(v, 0..=1023).map(|n| e.view.layer = n).map_err(|why| format!("{why}, or \u{201c}mean\u{201d}"))
            },
        },
        Key { name: "show", get: |e| e.view.show.name().into(), set: |e, v| strategy(v).map(|s| e.view.show = s) },
        Key {
            name: "beside",
            get: |e| e.view.beside.map_or_else(String::new, |s| s.name().into()),
            set: |e, v| {
                e.view.beside = if v.is_empty() { None } else { Some(strategy(v)?) };
                Ok(())
            },
        },
        number!("step", view.step, 0..=1023),
        number!("simulated", view.simulated, 0..=1023),
        number!("at", view.at, 0..=1000),
        Key {
            name: "heat",
            get: |e| e.view.heat.name().into(),
            set: |e, v| choice(v, &Heat::EACH.map(|h| (h.name(), h))).map(|h| e.view.heat = h),
        },
        Key {
            name: "look",
            get: |e| e.view.look.map_or_else(String::new, |l| l.to_string()),
            set: |e, v| Look::read(v).map(|l| e.view.look = l),
        },
        Key {
            name: "compare",
            get: |e| e.view.compare.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"),
            set: |e, v| variants(v).map(|all| e.view.compare = all),
        },
        Key { name: "left", get: |e| e.view.left.to_string(), set: |e, v| Subset::read(v).map(|s| e.view.left = s) },
        Key {
            name: "right",
            get: |e| e.view.right.as_ref().map_or_else(String::new, ToString::to_string),
            set: |e, v| {
                e.view.right = if v.is_empty() { None } else { Some(Subset::read(v)?) };
                Ok(())
            },
        },
        Key {
            name: "map",
            get: |e| e.view.map.name().into(),
            set: |e, v| choice(v, &PairMap::EACH.map(|m| (m.name(), m))).map(|m| e.view.map = m),
        },
        Key {
            name: "sweep",
            get: |e| {
                let words = |s: &Sweep| format!("{}:{}:{}:{}", s.name, s.from, s.to, s.points);
                e.view.sweep.as_ref().map_or_else(String::new, words)
            },
            set: |e, v| sweep(v).map(|s| e.view.sweep = s),
        },
        Key {
            name: "embed",
            get: |e| e.view.embed.clone(),
            set: |e, v| slug(v, "figure").map(|()| e.view.embed = v.into()),
        },
    ];
    KEYS
}

/// The setting of that name.
#[must_use]
pub fn key_named(name: &str) -> Option<&'static Key> {
    keys().iter().find(|k| k.name == name)
}

/// `setting:from:to:points`; empty for none.
fn sweep(text: &str) -> Result<Option<Sweep>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let parts: Vec<&str> = text.split(':').collect();
    let [name, from, to, points] = parts[..] else {
        return Err("not setting:from:to:points".into());
    };
    one_of(name, SWEPT.into_iter())?;
    let end = |text: &str| text.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or("not a number to sweep to or from");
    let sweep = Sweep { name: name.into(), from: end(from)?, to: end(to)?, points: within(points, 2..=32)? };
    // Each value must be one that the setting takes.
    for value in sweep.values() {
        Experiment::default().with(name, &value).map_err(|why| format!("{name} of {value}: {why}"))?;
    }
    Ok(Some(sweep))
}

/// Variants that one experiment can have beside it: more than a reader can tell apart.
const MOST_VARIANTS: usize = 8;

/// `setting:value;setting:value|…`. Read here and not beside the others of `compare`: a variant's parts are settings.
fn variants(text: &str) -> Result<Vec<Variant>, String> {
    let all: Vec<&str> = text.split('|').filter(|v| !v.is_empty()).collect();
    if all.len() > MOST_VARIANTS {
        return Err(format!("more than {MOST_VARIANTS} variants"));
    }
    all.into_iter().map(variant).collect()
}

fn variant(text: &str) -> Result<Variant, String> {
    let setting = |part: &str| {
        let (name, value) = part.split_once(':').ok_or_else(|| format!("{part}: not setting:value"))?;
        // Only one trace is loaded, and a comparison in a comparison would have no end.
        let known = key_named(name).filter(|_| !["compare", "trace"].contains(&name));
        let default = Experiment::default();
        let changed = known.map(|_| default.with(name, value).map_err(|why| format!("{part}: {why}"))).transpose()?;
        if changed.is_none_or(|c| c != default && c.run_key() == default) {
            return Err(format!("{part}: not a setting of a run"));
        }
        Ok((name.to_string(), value.to_string()))
    };
    let parts = || text.split(';').filter(|p| !p.is_empty());
    // More are repetitions, which a text of megabytes must not be given.
    if parts().nth(keys().len()).is_some() {
        return Err("a variant of more settings than there are".into());
    }
    let settings: Vec<_> = parts().map(setting).collect::<Result<_, _>>()?;
    if settings.is_empty() { Err("a variant without a setting".into()) } else { Ok(Variant(settings)) }
}

/// What is said of a name that no setting has.
pub(super) const UNKNOWN: &str = "this version of moescope has no such setting";

/// Dies, then links as two dies: `7,3-4`.
fn dead_words(faults: &Faults) -> String {
    let dies = faults.dies.iter().map(ToString::to_string);
    let links = faults.links.iter().map(|(a, b)| format!("{a}-{b}"));
    dies.chain(links).collect::<Vec<_>>().join(",")
}

fn dead(text: &str) -> Result<Faults, String> {
    let mut faults = Faults::default();
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let die = |text: &str| within(text, 0..=255usize).map_err(|why| format!("{part}: {why}"));
        match part.split_once('-') {
            Some((a, b)) => {
                let (a, b) = (die(a)?, die(b)?);
                faults.links.insert((a.min(b), a.max(b)));
            }
            None => {
                faults.dies.insert(die(part)?);
            }
        }
    }
    Ok(faults)
}

/// An empty value means the preset's.
fn edit(experiment: &mut Experiment, name: &str, text: &str) -> Result<(), String> {
    let field = FIELDS.iter().find(|f| f.name == name).ok_or(UNKNOWN)?;
    if text.is_empty() {
        experiment.system.hardware.remove(name);
        return Ok(());
    }
    let value = within(text, field.range.0..=field.range.1)?;
    if whole(name) && libm::floor(value) != value {
        return Err(format!("not a whole number from {} to {}", field.range.0, field.range.1));
    }
    experiment.system.hardware.insert(name.into(), value);
    Ok(())
}

fn placement(name: &str) -> Result<&'static Placement, String> {
    let none = || one_of(name, PLACEMENTS.iter().map(|p| p.name)).err().unwrap_or_default();
    placement_named(name).ok_or_else(none)
}

/// A placement that strategies without one of their own share: it is made once.
fn home(text: &str) -> Result<&'static Placement, String> {
    let of = placement(text)?;
    match of.beside() {
        Some(_) => Err(format!("a placement for each subject is a strategy's own: strategies={text}.home")),
        None => Ok(of),
    }
}

/// One, or all of a pattern.
fn strategies(name: &str) -> Result<Vec<Strategy>, String> {
    if !name.contains('*') {
        return strategy(name).map(|s| vec![s]);
    }
    let like = Strategy::like(name);
    if like.is_empty() { Err(format!("no strategy is like {name}")) } else { Ok(like) }
}

fn strategy(name: &str) -> Result<Strategy, String> {
    let list = |names: Vec<&str>| names.join(", ");
    Strategy::named(name).ok_or_else(|| {
        format!(
            "not one of {}, nor PLACEMENT.DISPATCH or PLACEMENT.DISPATCH+pred of the placements {} and the dispatches {}",
            list(STRATEGIES.iter().map(|s| s.name).collect()),
            list(PLACEMENTS.iter().map(|p| p.name).collect()),
            list(DISPATCHES.iter().map(|d| d.name).collect())
        )
    })
}

fn within<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
    text: &str,
    range: std::ops::RangeInclusive<T>,
) -> Result<T, String> {
    let read = text.parse::<T>().ok().filter(|n| range.contains(n));
    read.ok_or_else(|| format!("not a number from {} to {}", range.start(), range.end()))
}

/// The name of a value.
fn named<T: PartialEq>(of: &[(&str, T)], value: T) -> String {
    of.iter().find(|(_, v)| *v == value).map_or("", |(n, _)| n).into()
}

fn choice<T: Copy>(text: &str, of: &[(&str, T)]) -> Result<T, String> {
    one_of(text, of.iter().map(|(n, _)| *n))?;
    of.iter().find(|(n, _)| *n == text).map(|(_, v)| *v).ok_or_else(String::new)
}

fn one_of<'a>(text: &str, mut names: impl Iterator<Item = &'a str> + Clone) -> Result<(), String> {
    if names.clone().any(|n| n == text) {
        return Ok(());
    }
    let first = names.next().unwrap_or_default().to_string();
    Err(format!("not one of {}", names.fold(first, |list, n| list + ", " + n)))
}

/// Where a trace is fetched from: https, or a path on this site. Anything else would leak what it says to whoever listens.
fn source(text: &str) -> Result<(), String> {
    let plain = text.len() <= 2048 && !text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\');
    let host =
        |rest: &str| rest.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '[') && !rest.contains('@');
    let own = !text.contains(':') && !text.starts_with("//");
    let ok = plain && (text.is_empty() || own || text.strip_prefix("https://").is_some_and(host));
    if ok { Ok(()) } else { Err("not an https:// address or a path on this site".into()) }
}

/// The name of an element of the page.
fn slug(text: &str, of: &str) -> Result<(), String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.len() <= 32 && text.bytes().all(plain) { Ok(()) } else { Err(format!("not the name of a {of}")) }
}

fn digest(text: &str) -> Result<(), String> {
    let ok = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if ok { Ok(()) } else { Err("not a digest of 16 hexadecimal digits".into()) }
}
