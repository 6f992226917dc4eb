//! Synthetic workloads: requests with the structure that the paper describes, so that a reader without a trace sees
//! everything at once. Always labelled synthetic. The generator is one for all models; a [`Profile`] holds what differs.
//!
//! In each layer a *topic* is a *bundle* of experts that are chosen together, so that few pairs hold most co-activations
//! although many experts are in use. The topic of a token in a layer is that of the token before (the likelier the deeper the
//! layer), or that of the layer before, or one that the request's subject favours: the first makes the cross-token, the
//! second the cross-layer correlation, the third hot experts that differ by subject and language. Beside the bundle
//! stand the layer's own popularity and, in some layers, one expert that very many tokens choose.

mod profile;

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;

pub use profile::{Profile, profile, synthetic_model, synthetic_models};

use crate::model::{Labels, ModelPreset, Request};
use crate::units::{floor, small};

/// Slots of a popularity table: popularity is exact to 1/4096.
const SLOTS: usize = 4096;

/// Slots of a table of topics.
const CHOICES: usize = 256;

/// Steps of the table of powers that favours the front of a bundle.
const FRONT: usize = 1024;

/// Makes the requests of one model and seed, one at a time.
#[derive(Clone, Debug)]
pub struct Generator {
    model: &'static ModelPreset,
    profile: Profile,
    seed: u64,
    layers: Vec<Layer>,
    /// Even draws, raised to the power that favours the front of a bundle.
    front: Vec<f64>,
    /// Topics of each subject in prefill and in decode: an even draw from a table is a draw by liking.
    subjects: Vec<[Vec<u16>; 2]>,
    next: u64,
}

#[derive(Clone, Debug)]
struct Layer {
    id: u32,
    /// Experts by popularity: an even draw from it is a draw by popularity.
    popular: Vec<u16>,
    /// Experts of each topic, the favourite first.
    bundles: Vec<Vec<u16>>,
    /// Chance that a topic is that of the token before.
    stay: f64,
    /// The expert that many tokens choose, and the chance of that.
    star: (u16, f64),
}

impl Generator {
    /// A generator for `model` with its calibrated profile, or the first model's; the same seed gives the same requests on every
    /// target.
    #[must_use]
    pub fn new(model: &'static ModelPreset, seed: u64) -> Self {
        Self::with(model, profile(model).unwrap_or(profile::DEEPSEEK_V3), seed)
    }

    /// A generator with any profile.
    #[must_use]
    #[inline(never)]
    pub fn with(model: &'static ModelPreset, profile: Profile, seed: u64) -> Self {
        let mut rng = Pcg32::seed_from_u64(seed ^ 0x6d6f_6573_636f_7065);
        let depth = (model.moe_layers - 1).max(1) as f64;
        let subjects = subjects(&profile);
        // "On some layers": one in ten has more than half of the strongest star. Stars in most layers would push the strongest
        // pairs and their share above what the paper shows. Which layers have one is drawn, how many is not.
        let ranks = shuffled(model.moe_layers, &mut rng);
        let star = |n: usize| profile.star * libm::pow((ranks[n] + 1) as f64 / model.moe_layers as f64, 8.0);
        let layers = model
            .layer_ids()
            .enumerate()
            .map(|(n, id)| Layer::new(model, &profile, (id, n as f64 / depth, star(n)), &mut rng))
            .collect();
        let front = |i: usize| libm::pow((i as f64 + 0.5) / FRONT as f64, profile.front);
        Self { model, profile, seed, layers, front: (0..FRONT).map(front).collect(), subjects, next: 0 }
    }

    /// Requests of the whole workload.
    #[must_use]
    pub fn total(&self) -> usize {
        self.profile.requests
    }

    /// Makes the next request; none after the last.
    #[inline(never)]
    pub fn request(&mut self) -> Option<Request> {
        let index = self.next;
        if index >= self.total() as u64 {
            return None;
        }
        self.next += 1;
        let mut rng = Pcg32::seed_from_u64(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (index + 1));
        // Two in a row share a subject, so that the halves of even and odd requests are alike.
        let subject = crate::units::index(index / 2) % self.profile.subjects;
        let (shortest, longest) = self.profile.prefill;
        let prefill = shortest + below(&mut rng, longest - shortest + 1);
        let tokens = prefill + self.profile.decode;
        // Topics of one layer, token by token; the next layer may take them over.
        let mut topics = vec![0u16; tokens];
        let mut columns = Vec::with_capacity(self.layers.len());
        for (n, layer) in self.layers.iter().enumerate() {
            let carry = if n > 0 { self.profile.carry } else { 0.0 };
            layer.topics(&mut topics, prefill, &self.subjects[subject], carry, &mut rng);
            columns.push(self.column(layer, &topics, &mut rng));
        }
        Some(Request {
            index,
            sub: 0,
            labels: Labels {
                model: self.model.name.into(),
                dataset: format!("language {}", if self.profile.language(subject) == 0 { "A" } else { "B" }),
                subject: format!("subject {}", subject + 1),
            },
            top_k: self.model.top_k,
            prefill,
            tokens,
            layers: self.layers.iter().map(|l| l.id).collect(),
            columns,
            ..Request::default()
        })
    }

    #[inline(never)]
    fn column(&self, layer: &Layer, topics: &[u16], rng: &mut Pcg32) -> Vec<u16> {
        let (model, profile, k) = (self.model, &self.profile, self.model.top_k);
        let mut ids: Vec<u16> = Vec::with_capacity(topics.len() * k);
        let mut rest: Vec<u16> = Vec::with_capacity(profile.bundle);
        for &topic in topics {
            let start = ids.len();
            let mut groups = Groups::none(model);
            if layer.star.1 > 0.0 && unit(rng) < layer.star.1 {
                ids.push(layer.star.0);
                groups.add(layer.star.0);
            }
            rest.clear();
            rest.extend_from_slice(&layer.bundles[usize::from(topic)]);
            let mut tries = 0;
            while ids.len() < start + k {
                // One draw decides between bundle and popularity, and what is left of it picks the expert.
                let u = unit(rng);
                let id = if u < profile.focus && !rest.is_empty() {
                    // The power favours the front of what is left of the bundle.
                    let v = self.front[floor(u / profile.focus * FRONT as f64).min(FRONT - 1)];
                    rest.remove(floor(v * rest.len() as f64).min(rest.len() - 1))
                } else {
                    let v = ((u - profile.focus) / (1.0 - profile.focus)).max(0.0);
                    layer.popular[floor(v * SLOTS as f64)]
                };
                tries += 1;
                // Bundle and allowed groups can be used up: then any expert that fits will do.
                let id = if tries > 64 { id_of(below(rng, model.experts)) } else { id };
                if groups.allow(id) && !ids[start..].contains(&id) {
                    groups.add(id);
                    ids.push(id);
                }
            }
        }
        ids
    }
}

/// What each subject likes, as tables of topics. A share goes to the topics of everybody, the rest to a list of the subject's
/// own from the topics of its language; both fall steeply. In decode a part of that goes to another list: an answer is about
/// other things than its question. Nothing is drawn here: a topic means nothing until a layer gives it a bundle.
fn subjects(profile: &Profile) -> Vec<[Vec<u16>; 2]> {
    // A third of the topics belongs to everybody, a third to each language.
    let third = profile.topics / 3;
    let everybody: Vec<usize> = (0..third).collect();
    (0..profile.subjects)
        .map(|subject| {
            let first = third * (1 + profile.language(subject));
            // Neighbouring subjects share some of what they like.
            let list = |from: usize| -> Vec<usize> {
                (0..profile.liked).map(|i| first + (subject * 3 + from + i) % third).collect()
            };
            let (question, answer) = (list(0), list(third / 2));
            [0.0, profile.drift].map(|drift| {
                let own = 1.0 - profile.shared;
                let lists = [
                    (&everybody[..], profile.shared),
                    (&question[..], own * (1.0 - drift)),
                    (&answer[..], own * drift),
                ];
                table(&lists, profile.steep)
            })
        })
        .collect()
}

/// A table in which topics have slots by liking: each list has its share, falling from its first topic on.
fn table(lists: &[(&[usize], f64)], steep: f64) -> Vec<u16> {
    let mut table = Vec::with_capacity(CHOICES);
    let mut sum = 0.0;
    for (list, share) in lists {
        let weights: Vec<f64> = (1..=list.len()).map(|rank| libm::pow(rank as f64, -steep)).collect();
        let total: f64 = weights.iter().sum();
        for (&topic, weight) in list.iter().zip(&weights) {
            sum += weight / total * share;
            table.resize(floor(sum * CHOICES as f64 + 0.5).min(CHOICES).max(table.len()), id_of(topic));
        }
    }
    let last = table.last().copied().unwrap_or(0);
    table.resize(CHOICES, last);
    table
}

impl Layer {
    fn new(model: &ModelPreset, profile: &Profile, (id, depth, star): (u32, f64, f64), rng: &mut Pcg32) -> Self {
        // Clamped: the hottest sixth of the experts are alike, or a few would meet in every token.
        let weight = |z: f64| libm::exp(profile.spread * z.clamp(-1.0, 1.0));
        let weights: Vec<f64> = (0..model.experts).map(|_| weight(normal(rng))).collect();
        let total: f64 = weights.iter().sum();
        let mut popular = Vec::with_capacity(SLOTS);
        let mut sum = 0.0;
        for (e, weight) in weights.iter().enumerate() {
            sum += weight;
            let end = floor(sum / total * SLOTS as f64 + 0.5);
            popular.resize(end.min(SLOTS).max(popular.len()), id_of(e));
        }
        popular.resize(SLOTS, id_of(model.experts - 1));
        let bundles = bundles(model, profile, rng);
        let stay = profile.stay.0 + (profile.stay.1 - profile.stay.0) * depth;
        Self { id, popular, bundles, stay, star: (id_of(below(rng, model.experts)), star) }
    }

    /// Replaces the topics of the layer before by those of this one.
    #[inline(never)]
    fn topics(&self, topics: &mut [u16], prefill: usize, liked: &[Vec<u16>; 2], carry: f64, rng: &mut Pcg32) {
        let mut before = None;
        for (token, topic) in topics.iter_mut().enumerate() {
            let u = unit(rng);
            *topic = match before {
                Some(before) if u < self.stay => before,
                _ if u >= 1.0 - carry => *topic,
                _ => liked[usize::from(token >= prefill)][below(rng, CHOICES)],
            };
            before = Some(*topic);
        }
    }
}

/// The router's group limit for one token.
struct Groups {
    used: u64,
    most: u32,
    /// Experts of a group.
    size: usize,
}

impl Groups {
    fn none(model: &ModelPreset) -> Self {
        Self { used: 0, most: small(model.groups.1), size: model.experts / model.groups.0 }
    }

    fn bit(&self, id: u16) -> u64 {
        1 << (usize::from(id) / self.size)
    }

    fn allow(&self, id: u16) -> bool {
        (self.used | self.bit(id)).count_ones() <= self.most
    }

    fn add(&mut self, id: u16) {
        self.used |= self.bit(id);
    }
}

/// Experts of each topic in one layer: the experts in a random order, cut into pieces, again and again until every topic has
/// one. With a group limit a piece comes from as many groups as a token may use less one, which the rest of a token needs.
fn bundles(model: &ModelPreset, profile: &Profile, rng: &mut Pcg32) -> Vec<Vec<u16>> {
    let (groups, most) = model.groups;
    let (size, together) = (model.experts / groups, (most - 1).max(1));
    let mut bundles = Vec::with_capacity(profile.topics);
    while bundles.len() < profile.topics {
        for some in shuffled(groups, rng).chunks(together) {
            let experts = shuffled(some.len() * size, rng);
            let ids = experts.into_iter().map(|i| id_of(some[i / size] * size + i % size));
            let ids: Vec<u16> = ids.collect();
            bundles.extend(ids.chunks_exact(profile.bundle).map(<[u16]>::to_vec));
        }
    }
    bundles.truncate(profile.topics);
    bundles
}

fn id_of(e: usize) -> u16 {
    u16::try_from(e).unwrap_or(u16::MAX)
}

fn shuffled(n: usize, rng: &mut Pcg32) -> Vec<usize> {
    let mut items: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        items.swap(i, below(rng, i + 1));
    }
    items
}

/// Uniform in 0..n; the bias of the multiplication is below n/2^32.
fn below(rng: &mut Pcg32, n: usize) -> usize {
    crate::units::index((u64::from(rng.next_u32()) * u64::from(small(n))) >> 32)
}

/// Uniform in \[0, 1).
fn unit(rng: &mut Pcg32) -> f64 {
    f64::from(rng.next_u32()) / 4_294_967_296.0
}

/// Standard normal, by Box and Muller.
fn normal(rng: &mut Pcg32) -> f64 {
    let (a, b) = (1.0 - unit(rng), unit(rng));
    (-2.0 * libm::log(a)).sqrt() * libm::cos(2.0 * std::f64::consts::PI * b)
}
