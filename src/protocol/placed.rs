//! The lab's figures as data: how even each strategy is, by strategy, by layer and by device, with what bounds each bar. Apart from the
//! report, whose numbers they are: page, files and tables show the same.

use super::{PlaceReport, PlacedStrategy};
use crate::analysis::figure::{Bars, Bounds, Data, Figure, Format, Measure, Series};

impl PlaceReport {
    /// Largest over mean load: of every strategy, of one strategy in every layer, and of its devices in one layer (a position among the
    /// placed ones; none: the mean over layers), in tokens. The strategy that is named, else the fastest.
    ///
    /// # Errors
    /// There is no such strategy, or no such layer.
    pub fn figures(&self, strategy: Option<&str>, layer: Option<usize>) -> Result<Vec<Figure>, String> {
        let of = self.find(strategy)?;
        if let Some(at) = layer.filter(|&at| at >= self.layers.len()) {
            return Err(format!("layer {at} of {} that are placed", self.layers.len()));
        }
        Ok(vec![self.by_strategy(), self.by_layer(of), self.by_device(of, layer)])
    }

    /// A bound of this name in a layer, or the mean over layers; NaN if it was not run.
    fn bound(&self, name: &str, layer: Option<usize>) -> f64 {
        let of = self.bounds.iter().find(|b| b.name == name);
        let value = of.and_then(|b| match layer {
            Some(at) => b.by_layer.get(at).copied(),
            None => Some(b.scores.max_over_mean),
        });
        value.unwrap_or(f64::NAN)
    }

    /// Largest over mean load that bounds a layer: no device is below the mean.
    pub(super) fn ratios(&self, layer: Option<usize>) -> [f64; 3] {
        [1.0, self.bound("best", layer), self.bound("worst", layer)]
    }

    fn by_strategy(&self) -> Figure {
        let bars = Bars {
            names: self.strategies.iter().map(|s| s.strategy.clone()).collect(),
            label: "strategy".into(),
            series: vec![Series::new("", self.strategies.iter().map(|s| s.max_over_mean).collect())],
            beside: vec![Series::new("seconds", self.strategies.iter().map(|s| s.seconds).collect())],
            bounds: Some(Bounds::of(self.strategies.iter().map(|_| self.ratios(None)))),
            measure: Measure::new("largest over mean load", Format::Times),
            ..Bars::default()
        };
        let caption = "Largest over mean load of the devices, mean over layers and steps. Beside each bar: the mean, which no device \
                       is below; best, with the counts to come known; worst, with the hottest experts together.";
        figure("placement-balance", "Balance of each strategy", caption.into(), bars)
    }

    fn by_layer(&self, of: &PlacedStrategy) -> Figure {
        let bars = Bars {
            names: of.by_layer.iter().map(|l| l.layer.to_string()).collect(),
            label: "layer".into(),
            series: vec![Series::new(&of.strategy, of.by_layer.iter().map(|l| l.max_over_mean).collect())],
            beside: vec![Series::new("learnt", of.by_layer.iter().map(|l| l.learnt_max_over_mean).collect())],
            bounds: Some(Bounds::of((0..of.by_layer.len()).map(|at| self.ratios(Some(at))))),
            measure: Measure::new("largest over mean load", Format::Times),
            ..Bars::default()
        };
        let caption = format!("Largest over mean load with {}, by layer, mean over steps.", of.strategy);
        figure("placement-layers", "Balance by layer", caption, bars)
    }

    fn by_device(&self, of: &PlacedStrategy, layer: Option<usize>) -> Figure {
        let layers = match layer {
            Some(at) => &of.by_layer[at..=at],
            None => &of.by_layer[..],
        };
        let devices = layers.first().map_or(0, |l| l.load_by_device.len());
        let mean = |d: usize| layers.iter().map(|l| l.load_by_device[d]).sum::<f64>() / layers.len().max(1) as f64;
        let loads: Vec<f64> = (0..devices).map(mean).collect();
        // Devices that do not work have no tokens, and no share in the mean.
        let each = loads.iter().sum::<f64>() / self.devices.max(1) as f64;
        let bars = Bars {
            names: (0..devices).map(|d| d.to_string()).collect(),
            label: "device".into(),
            numbered: true,
            bounds: Some(Bounds::of(loads.iter().map(|_| self.ratios(layer).map(|ratio| ratio * each)))),
            series: vec![Series::new(&of.strategy, loads)],
            measure: Measure::new("tokens a step", Format::Number),
            ..Bars::default()
        };
        let caption = format!(
            "Tokens that each device computes with {}, mean over steps. Best and worst are of the busiest device there.",
            of.strategy
        );
        figure("placement-devices", "Load by device", caption, bars)
    }
}

fn figure(id: &str, title: &str, caption: String, bars: Bars) -> Figure {
    Figure {
        id: id.into(),
        title: title.into(),
        caption,
        data: Data::Bars(bars),
        says: "{item}: {all}".into(),
        facts: Vec::new(),
    }
}
