//! C: what this token's expert says of the next token's.

use super::{Analysis, Drawn, Form, Group, Layer, Made, Make, Needs, Sketch, fact};
use crate::analysis::figure::{Data, Dots, Format, Heads, Level, Matrix, Measure, Series};
use crate::analysis::{covered, diagonal, probabilities};
use crate::units::percent;

pub(super) const ANALYSIS: Analysis = Analysis {
    id: "C",
    name: "cross-token (Ob2)",
    says: "Does a token's expert tell which ones the next token will use?",
    observed: "Ob2",
    needs: Needs::Order,
    figures: &[
        Sketch {
            id: "token-map",
            title: "Cross-token correlation",
            caption: "Chance that the next token uses expert j, given that this token uses expert i, in {layer} (analysis C, Ob2). The diagonal is an expert used again. Grey rows: experts that were never used.",
            question: "Which expert follows which?",
            group: Group::Next,
            form: Form::Matrix,
            tells: "In {layer}, the strongest is expert {column} after expert {row}: {!most} of the time.| The mean of all pairs is {mean}.| The top fifth covers {fact-coverage} of what the next token uses.",
            wide: false,
            listed: false,
            make: Make::Prompt(map),
        },
        Sketch {
            id: "token-diagonal",
            title: "Used again by the next token",
            caption: "The diagonal of the cross-token matrix: chance that a token's expert is used again by the next token, in {layer}.",
            question: "How often is one used again?",
            group: Group::Next,
            form: Form::Dots,
            tells: "In {layer}, an expert is used again by the next token {!fact-diagonal} of the time.| Chance is {level1}.| The strongest is expert {at0}, with {most0}.",
            wide: false,
            listed: false,
            make: Make::Prompt(again),
        },
    ],
};

fn map(layer: &Layer) -> Made {
    let covered = covered(layer.tokens(), &layer.frequency()[0]);
    let paper = layer.setting.model.and_then(|m| m.paper_cross_token);
    let paper = paper.map_or_else(String::new, |c| format!("paper {}, mean over layers", percent(c)));
    let of = |id, name, value, paper| fact(id, name, value, Format::Share, paper);
    let map = Matrix {
        rows: Heads::experts("expert of this token", layer.experts()),
        columns: Heads::experts("expert of the next token", layer.experts()),
        values: probabilities(layer.tokens(), layer.summary.top_k),
        measure: Measure::new("probability", Format::Share),
        diverging: false,
        limit: None,
    };
    let facts = vec![
        of("fact-coverage", "Next token's experts in the top 20%", covered.top, paper),
        of("fact-coverage-weighted", "the same, weighted over rows", covered.weighted, String::new()),
    ];
    Ok(Drawn { facts, ..Drawn::new(Data::Matrix(map), "after expert {row}, expert {column}: {value}") })
}

fn again(layer: &Layer) -> Made {
    let (table, top_k) = (layer.tokens(), layer.summary.top_k);
    let of = |(i, row): (usize, &[u64])| {
        let total = row.iter().sum::<u64>() as f64;
        if total > 0.0 { row[i] as f64 * top_k as f64 / total } else { f64::NAN }
    };
    let values = table.cells.chunks_exact(table.n.max(1)).enumerate().map(of).collect();
    let (weighted, _) = diagonal(table, top_k);
    let chance = top_k as f64 / layer.experts().max(1) as f64;
    let level = |name: &str, value| Level { name: name.into(), value };
    // Both in every layer, so that a mean over layers adds like to like.
    let levels = vec![level("weighted mean", weighted.unwrap_or(f64::NAN)), level("chance", chance)];
    let beside = format!("chance {}", percent(chance));
    let dots = Dots {
        items: Heads::experts("expert", layer.experts()),
        series: vec![Series::new("probability", values)],
        levels,
        measure: Measure::new("probability", Format::Share),
        to: None,
    };
    let facts = vec![fact("fact-diagonal", "An expert is used again, weighted", weighted, Format::Share, beside)];
    Ok(Drawn { facts, ..Drawn::new(Data::Dots(dots), "expert {item}: {all}") })
}
