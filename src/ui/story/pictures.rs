//! The pictures of the patterns, as figures made from those of the analyses: experts in the order that shows the pattern, a cache's
//! hits where the analysis has misses. Orders are arrangements, and the captions say so; no value is changed.

use crate::analysis::figure::{Bars, Curves, Data, Figure, Format, Heads, Items, Level, Line, Matrix, Measure, Series};

/// Experts that a matrix shows.
pub(super) const SHOWN: usize = 40;

fn matrix(figure: &Figure) -> Option<&Matrix> {
    if let Data::Matrix(m) = &figure.data { Some(m) } else { None }
}

/// The loads of a layer's experts over their mean, by expert; of the map of all layers.
pub(super) fn loads(map: &Figure, layer: usize) -> Option<Vec<f64>> {
    let m = matrix(map)?;
    let n = m.columns.items.len();
    Some(m.values.get(layer * n..(layer + 1) * n)?.iter().map(|&v| f64::from(v)).collect())
}

/// Experts, the hottest first.
pub(super) fn hottest(loads: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..loads.len()).collect();
    order.sort_by(|&a, &b| loads[b].total_cmp(&loads[a]).then(a.cmp(&b)));
    order
}

/// The rows and columns of a square matrix that are named, the first at the top left. Colours end where a tenth of the diagonal is
/// beyond them: one bright cell would leave all others dark.
fn arranged(m: &Matrix, rows: &[usize], columns: &[usize], labels: [&str; 2]) -> Matrix {
    let n = m.columns.items.len();
    let at = |r: usize, c: usize| m.values.get(r * n + c).copied().unwrap_or(f32::NAN);
    let names = |of: &mut dyn Iterator<Item = usize>| Items::Named(of.map(|e| e.to_string()).collect());
    let mut lit: Vec<f32> = rows.iter().zip(columns).map(|(&r, &c)| at(r, c)).filter(|v| !v.is_nan()).collect();
    lit.sort_by(f32::total_cmp);
    let limit = lit.get(lit.len() * 9 / 10).copied().map(f64::from).filter(|&l| l > 0.0);
    Matrix {
        rows: Heads { label: labels[0].into(), items: names(&mut rows.iter().rev().copied()) },
        columns: Heads { label: labels[1].into(), items: names(&mut columns.iter().copied()) },
        values: rows.iter().rev().flat_map(|&r| columns.iter().map(move |&c| at(r, c))).collect(),
        measure: m.measure.clone(),
        diverging: false,
        limit,
    }
}

fn figure(id: &str, data: Data, says: &str) -> Figure {
    Figure { id: id.into(), data, says: says.into(), ..Figure::default() }
}

/// The next token's experts: both axes in the order of the load, so that an expert used again is on the diagonal.
pub(super) fn next_token(id: &str, map: &Figure, loads: &[f64]) -> Option<Figure> {
    let m = matrix(map)?;
    let order: Vec<usize> = hottest(loads).into_iter().take(SHOWN).collect();
    let labels = ["expert of this token, hottest first", "expert of the next token, hottest first"];
    Some(figure(id, Data::Matrix(arranged(m, &order, &order, labels)), "after expert {row}, expert {column}: {value}"))
}

/// The next layer's experts: each column stands under the row that calls it most, of those that are left.
pub(super) fn next_layer(id: &str, map: &Figure, loads: &[f64]) -> Option<Figure> {
    let m = matrix(map)?;
    let n = m.columns.items.len();
    let rows: Vec<usize> = hottest(loads).into_iter().take(SHOWN.min(n)).collect();
    let mut left: Vec<usize> = (0..n).collect();
    let mut columns = Vec::new();
    for &row in &rows {
        let value = |c: usize| m.values.get(row * n + c).copied().filter(|v| !v.is_nan()).unwrap_or(-1.0);
        let (at, _) = left.iter().enumerate().reduce(|a, b| if value(*b.1) > value(*a.1) { b } else { a })?;
        columns.push(left.remove(at));
    }
    let labels = ["expert of this layer, hottest first", "expert of the next layer, under its strongest caller"];
    Some(figure(
        id,
        Data::Matrix(arranged(m, &rows, &columns, labels)),
        "expert {row} here, expert {column} in the next layer: {value}",
    ))
}

/// Pairs: the experts of the strongest pairs, partners beside each other.
pub(super) fn pairs(id: &str, map: &Figure) -> Option<Figure> {
    let m = matrix(map)?;
    let n = m.columns.items.len();
    let mut all: Vec<(f32, usize, usize)> = (0..n)
        .flat_map(|a| (0..a).map(move |b| (a, b)))
        .filter_map(|(a, b)| m.values.get(a * n + b).filter(|v| **v > 0.0).map(|&v| (v, b, a)))
        .collect();
    all.sort_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let mut order: Vec<usize> = Vec::new();
    for &(_, a, b) in &all {
        for e in [a, b] {
            if order.len() < 32 && !order.contains(&e) {
                order.push(e);
            }
        }
    }
    let labels = ["expert", "with expert"];
    let mut made = arranged(m, &order, &order, labels);
    // No expert is its own partner: the diagonal is empty, and no measure of the colours.
    made.limit = all.get(all.len().min(order.len()).saturating_sub(1) / 4).map(|p| f64::from(p.0));
    (!order.is_empty()).then(|| figure(id, Data::Matrix(made), "experts {row} and {column}: {value} the average pair"))
}

/// The load of a layer's experts, sorted, with the line of the fair share.
pub(super) fn skew(id: &str, loads: &[f64]) -> Figure {
    let order = hottest(loads);
    let bars = Bars {
        names: order.iter().map(ToString::to_string).collect(),
        long: order.iter().map(|e| format!("expert {e}")).collect(),
        label: "experts, hottest first".into(),
        numbered: true,
        series: vec![Series::new("tokens", order.iter().map(|&e| loads[e]).collect())],
        measure: Measure::new("over fair share, ×", Format::Times),
        level: Some(Level { name: "fair share".into(), value: 1.0 }),
        crowned: true,
        ..Bars::default()
    };
    figure(id, Data::Bars(bars), "{item}: {all} its fair share")
}

/// What a cache hits, from what it misses.
pub(super) fn hits(id: &str, misses: &Figure) -> Option<Figure> {
    let Data::Curves(c) = &misses.data else { return None };
    let line = |l: &Line| Line { y: l.y.iter().map(|m| 1.0 - m).collect(), ..l.clone() };
    let curves = Curves {
        lines: c.lines.iter().map(line).collect(),
        x: Measure::new("experts that the cache holds", Format::Count),
        y: Measure::new("accesses that hit", Format::Share),
        ..c.clone()
    };
    Some(figure(id, Data::Curves(curves), "{x} experts: {all}{bytes}"))
}
