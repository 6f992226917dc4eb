//! What a picture says, in words: a row's sentences with what is read off the figure in their places. Apart from the figures, so
//! that a sentence is data and none of it is written by hand for a trace.

use super::figure::{Data, Figure, Format, Heads, Line, Series};

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its words.
    pub words: String,
    /// It is what the sentence is about.
    pub strong: bool,
}

/// Sentences (parted by `|`) with the figure's own numbers in their places. A sentence of which a number is not there is left
/// out, and nothing is said if that is the first.
///
/// Places: `{layer}`, `{fact-…}`; of a matrix `{row}`, `{column}`, `{most}` (the cell of the largest value), `{mean}`, and `{off}`
/// (mean beside the diagonal); of series number 0 `{most0}`, `{at0}`, `{least0}`, `{low0}`, `{mean0}`, `{last0}`, `{level0}`; of
/// curves `{y0@0.2}` (value there), `{end@0.2}` (the last curve's), `{x0<0.5}` (first place where it is below), `{last0}`; of points `{at}`,
/// `{x}`, `{y}` (the one farthest from the diagonal). `{!…}` is stressed.
pub(super) fn reading(tells: &str, figure: &Figure, place: &str) -> Vec<Told> {
    let mut all = Vec::new();
    for (at, sentence) in tells.split('|').enumerate() {
        match told(sentence, figure, place) {
            Some(parts) => all.extend(parts),
            None if at == 0 => return Vec::new(),
            None => {}
        }
    }
    all
}

fn told(sentence: &str, figure: &Figure, place: &str) -> Option<Vec<Told>> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        let (key, after) = after.split_once('}')?;
        plain.push_str(before);
        rest = after;
        let strong = key.strip_prefix('!');
        let words = if key == "layer" { place.to_string() } else { value(figure, strong.unwrap_or(key))? };
        if strong.is_some() {
            parts.push(Told { words: std::mem::take(&mut plain), strong: false });
            parts.push(Told { words, strong: true });
        } else {
            plain.push_str(&words);
        }
    }
    plain.push_str(rest);
    parts.push(Told { words: plain, strong: false });
    Some(parts)
}

fn value(figure: &Figure, key: &str) -> Option<String> {
    if key.starts_with("fact-") {
        let fact = figure.facts.iter().find(|f| f.id == key && !f.value.is_nan())?;
        return Some(fact.format.words(fact.value));
    }
    match &figure.data {
        Data::Empty(_) => None,
        Data::Matrix(m) => {
            let n = m.columns.items.len();
            let cells = || m.values.iter().enumerate().filter(|(_, v)| !v.is_nan());
            let (at, &most) = cells().max_by(|(i, a), (j, b)| a.abs().total_cmp(&b.abs()).then(j.cmp(i)))?;
            let words = |v: f64| m.measure.format.words(v);
            let mean = |off: bool| {
                let kept = cells().filter(|(i, _)| !off || i / n != i % n).map(|(_, &v)| f64::from(v));
                mean(kept)
            };
            match key {
                "row" => Some(m.rows.items.name(at / n)),
                "column" => Some(m.columns.items.name(at % n)),
                "most" => Some(words(most.into())),
                "mean" => mean(false).map(words),
                "off" => mean(true).map(words),
                _ => None,
            }
        }
        Data::Bars(b) => of_series(key, &b.series, b.measure.format, |at| b.names.get(at).cloned()),
        Data::Dots(d) => {
            if let Some(at) = key.strip_prefix("level") {
                let level = d.levels.get(at.parse::<usize>().ok()?).filter(|l| !l.value.is_nan())?;
                return Some(d.measure.format.words(level.value));
            }
            of_series(key, &d.series, d.measure.format, |at| name(&d.items, at))
        }
        Data::Curves(c) => {
            if let Some((line, below)) = key.strip_prefix('x').and_then(|k| k.split_once('<')) {
                let below: f64 = below.parse().ok()?;
                let line = c.lines.get(line.parse::<usize>().ok()?)?;
                let (&x, _) = line.x.iter().zip(&line.y).find(|(_, y)| **y < below)?;
                return Some(c.x.format.words(x));
            }
            if let Some(line) = key.strip_prefix("last") {
                let line = c.lines.get(line.parse::<usize>().ok()?)?;
                return line.y.last().filter(|y| !y.is_nan()).map(|&y| c.y.format.words(y));
            }
            let (line, x) = key.split_once('@')?;
            let at = |line: &Line| line.at(x.parse().ok()?).filter(|y| !y.is_nan());
            let line = if line == "end" { c.lines.last()? } else { c.lines.get(number(line, "y")?)? };
            at(line).map(|y| c.y.format.words(y))
        }
        Data::Scatter(s) => {
            let apart = |(x, y): (&f64, &f64)| (x - y).abs();
            let points = s.across.iter().zip(&s.along).enumerate().filter(|(_, (x, y))| !(x.is_nan() || y.is_nan()));
            let (at, (x, y)) = points.max_by(|(i, a), (j, b)| apart(*a).total_cmp(&apart(*b)).then(j.cmp(i)))?;
            match key {
                "at" => Some(at.to_string()),
                "x" => Some(s.x.format.words(*x)),
                "y" => Some(s.y.format.words(*y)),
                _ => None,
            }
        }
    }
}

fn of_series(key: &str, all: &[Series], format: Format, name: impl Fn(usize) -> Option<String>) -> Option<String> {
    let cut = key.find(|c: char| c.is_ascii_digit())?;
    let values = &all.get(number(key, &key[..cut])?)?.values;
    let known = || values.iter().copied().enumerate().filter(|(_, v)| !v.is_nan());
    // Of values that are alike, the first.
    let most = || known().max_by(|(i, a), (j, b)| a.total_cmp(b).then(j.cmp(i)));
    let least = || known().min_by(|(_, a), (_, b)| a.total_cmp(b));
    match &key[..cut] {
        "most" => most().map(|(_, v)| format.words(v)),
        "at" => most().and_then(|(at, _)| name(at)),
        "least" => least().map(|(_, v)| format.words(v)),
        "low" => least().and_then(|(at, _)| name(at)),
        "mean" => mean(known().map(|(_, v)| v)).map(|v| format.words(v)),
        "last" => values.last().filter(|v| !v.is_nan()).map(|&v| format.words(v)),
        _ => None,
    }
}

fn name(heads: &Heads, at: usize) -> Option<String> {
    (at < heads.items.len()).then(|| heads.items.name(at))
}

fn number(key: &str, word: &str) -> Option<usize> {
    key.strip_prefix(word)?.parse().ok()
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0u32), |(sum, n), v| (sum + v, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::figure::{Bars, Curves, Matrix, Measure};

    fn words(tells: &str, data: Data) -> String {
        let figure = Figure { data, ..Figure::default() };
        reading(tells, &figure, "layer 7").into_iter().map(|t| t.words).collect()
    }

    #[test]
    fn a_sentence_holds_what_is_read_off_its_figure() {
        let map = Matrix {
            rows: Heads::experts("from", 2),
            columns: Heads::experts("to", 2),
            values: vec![0.5, 0.1, f32::NAN, 0.3],
            measure: Measure::new("", Format::Share),
            diverging: false,
            limit: None,
        };
        let text = "In {layer}, {column} after {row}: {!most}, mean {mean}.| Beside: {off}.";
        assert_eq!(words(text, Data::Matrix(map)), "In layer 7, 0 after 0: 50.0%, mean 30.0%. Beside: 10.0%.");
        let bars = Bars {
            names: ["a", "b", "c"].map(String::from).into(),
            series: vec![Series::new("", vec![1.0, 4.0, 1.0])],
            measure: Measure::new("", Format::Count),
            ..Bars::default()
        };
        assert_eq!(words("{at0} {most0}, {low0} {least0}, {mean0}, {last0}", Data::Bars(bars)), "b 4, a 1, 2, 1");
        let line = |y: f64| Line { name: String::new(), x: vec![0.0, 0.5, 1.0], y: vec![1.0, y, 0.0] };
        let curves =
            Curves { lines: vec![line(0.6), line(0.2)], y: Measure::new("", Format::Share), ..Curves::default() };
        assert_eq!(words("{y0@0.7} {end@0.7} {x1<0.5}", Data::Curves(curves)), "60.0% 20.0% 0.5");
    }

    #[test]
    fn what_is_not_there_is_not_said() {
        let bars = || Data::Bars(Bars { series: vec![Series::new("", vec![f64::NAN])], ..Bars::default() });
        assert_eq!(words("Here.| The most is {most0}.", bars()), "Here.");
        assert_eq!(words("The most is {most0}.| Here.", bars()), "");
        assert_eq!(words("{fact-skew}", Data::Empty("none".into())), "");
    }
}
