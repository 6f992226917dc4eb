//! A figure's numbers as rows, and rows as CSV (RFC 4180) or JSON. The one exporter: what the page shows as a table and saves, and
//! what the command line writes.

use super::figure::{Bounds, Data, Figure, Items};

/// Rows of text under a head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub head: Vec<String>,
    /// Rows of as many fields.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// The table of a figure; NaN is an empty field, and cells without data are no row.
    #[must_use]
    pub fn of(figure: &Figure) -> Self {
        let value = |v: f64| if v.is_nan() { String::new() } else { v.to_string() };
        let head = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        match &figure.data {
            Data::Empty(_) => Self::default(),
            Data::Matrix(m) => {
                let n = m.columns.items.len().max(1);
                let labels = [&m.rows.label, &m.columns.label, &m.measure.label];
                let labels = labels.into_iter().zip(["row", "column", "value"]);
                // Of expert pairs most are zero; a reader fills them in.
                let sparse = matches!((&m.rows.items, &m.columns.items), (Items::Numbered(_), Items::Numbered(_)));
                let cells = m.values.iter().enumerate().filter(|(_, v)| !v.is_nan() && (!sparse || **v != 0.0));
                let row =
                    |(i, v): (usize, &f32)| vec![m.rows.items.name(i / n), m.columns.items.name(i % n), v.to_string()];
                Self {
                    head: labels.map(|(l, or)| if l.is_empty() { or.into() } else { l.clone() }).collect(),
                    rows: cells.map(row).collect(),
                }
            }
            Data::Bars(b) => {
                let paper = !b.paper.is_empty();
                let series = || b.series.iter().chain(&b.beside);
                let bounds = || b.bounds.iter().flat_map(Bounds::named);
                let names = series().map(|s| s.name.as_str()).chain(paper.then_some("paper"));
                let names = names.chain(bounds().map(|bound| bound.0));
                let label = if b.label.is_empty() { "what" } else { &b.label };
                let row = |i: usize| {
                    let values = series().map(|s| &s.values).chain(paper.then_some(&b.paper));
                    let values = values.chain(bounds().map(|bound| bound.1));
                    let name = b.long.get(i).unwrap_or(&b.names[i]).clone();
                    let values = values.map(|all| value(all.get(i).copied().unwrap_or(f64::NAN)));
                    std::iter::once(name).chain(values).collect()
                };
                Self {
                    head: head(&std::iter::once(label).chain(names).collect::<Vec<_>>()),
                    rows: (0..b.names.len()).map(row).collect(),
                }
            }
            Data::Curves(c) => Self {
                head: head(&["curve", &c.x.label, &c.y.label]),
                rows: c
                    .lines
                    .iter()
                    .flat_map(|l| l.x.iter().zip(&l.y).map(|(x, y)| vec![l.name.clone(), value(*x), value(*y)]))
                    .collect(),
            },
            Data::Dots(d) => {
                let names = d.series.iter().map(|s| s.name.as_str());
                let row = |i: usize| {
                    let values = d.series.iter().map(|s| value(s.values.get(i).copied().unwrap_or(f64::NAN)));
                    std::iter::once(d.items.items.name(i)).chain(values).collect()
                };
                Self {
                    head: head(&std::iter::once(d.items.label.as_str()).chain(names).collect::<Vec<_>>()),
                    rows: (0..d.items.items.len()).map(row).collect(),
                }
            }
            Data::Scatter(s) => Self {
                head: head(&[&s.item, &s.x.label, &s.y.label]),
                rows: s
                    .across
                    .iter()
                    .zip(&s.along)
                    .enumerate()
                    .map(|(i, (a, b))| vec![i.to_string(), value(*a), value(*b)])
                    .collect(),
            },
        }
    }

    /// As CSV, with a line for the head.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text = String::new();
        for row in std::iter::once(&self.head).chain(&self.rows) {
            for (i, field) in row.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                push(&mut text, field);
            }
            text.push('\n');
        }
        text
    }

    /// As JSON: who made it and of what (`made`), names of columns, rows. A field that reads as a number is one; an empty one is null.
    #[must_use]
    pub fn json(&self, title: &str, made: &str) -> String {
        let text = |field: &str| serde_json::Value::from(field).to_string();
        let cell = |field: &String| match field.as_str() {
            "" => "null".into(),
            number if serde_json::from_str::<f64>(number).is_ok() => number.into(),
            words => text(words),
        };
        let list = |fields: Vec<String>| format!("[{}]", fields.join(","));
        let rows: Vec<_> = self.rows.iter().map(|row| list(row.iter().map(cell).collect())).collect();
        format!(
            "{{\"made\":{},\"title\":{},\"columns\":{},\"rows\":[\n{}\n]}}\n",
            text(made),
            text(title),
            list(self.head.iter().map(|h| text(h)).collect()),
            rows.join(",\n")
        )
    }

    /// From CSV whose first line is the head.
    #[must_use]
    pub fn read(csv: &str) -> Self {
        let mut rows = records(csv).into_iter();
        Self { head: rows.next().unwrap_or_default(), rows: rows.collect() }
    }
}

/// One field: in quotes if it holds what ends one.
fn push(text: &mut String, field: &str) {
    if field.contains([',', '"', '\n', '\r']) {
        text.push('"');
        text.push_str(&field.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(field);
    }
}

fn records(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut any) = (false, false);
    let mut letters = csv.chars().peekable();
    while let Some(c) = letters.next() {
        any = true;
        match c {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
                any = false;
            }
            c => field.push(c),
        }
    }
    if any {
        row.push(field);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::figure::{Heads, Matrix, Measure};

    #[test]
    fn a_table_as_json_keeps_its_digits_and_its_names() {
        let table = Table::read("what,\"a \"\"b\"\"\"\nbase,0.10\n007,\n1e-7,NaN\n");
        let json = table.json("T\u{1}", "v=2");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["made"], "v=2");
        assert_eq!(read["title"], "T\u{1}");
        assert_eq!(read["columns"], serde_json::json!(["what", "a \"b\""]));
        assert_eq!(read["rows"], serde_json::json!([["base", 0.1], ["007", null], [1e-7, "NaN"]]));
        assert!(json.contains("0.10"), "{json}");
    }

    /// A subject is called as its folder is, commas and quotes included.
    #[test]
    fn names_with_commas_come_back() {
        let names = ["law, \"general\"".to_string(), "two\nlines".to_string()];
        let figure = Figure {
            data: Data::Matrix(Matrix {
                rows: Heads { label: "subject".into(), items: Items::Named(names.to_vec()) },
                columns: Heads::experts("expert", 2),
                values: vec![0.0, 0.5, f32::NAN, 1.0],
                measure: Measure::default(),
                diverging: false,
                limit: None,
            }),
            ..Figure::default()
        };
        let table = Table::of(&figure);
        assert_eq!(table.head, ["subject", "expert", "value"]);
        assert_eq!(table.rows.len(), 3, "a cell without data is no row");
        let text = table.csv();
        assert_eq!(Table::read(&text), table);
        // As the csv crate writes and reads it.
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&table.head).unwrap();
        table.rows.iter().for_each(|r| writer.write_record(r).unwrap());
        assert_eq!(String::from_utf8(writer.into_inner().unwrap()).unwrap(), text);
    }
}
