//! Files of `analyze`: tables as CSV, counts as NPZ. Apart from the commands, which print.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::output::{Inputs, Output, put};
use crate::analysis::figure::Figure;
use crate::analysis::{Half, Kind, Report, Summary, Table, frequency, pair_counts, transition};
use crate::model::Scope;

/// The tables of a report.
const TABLES: [&str; 3] = ["layers.csv", "repetition.csv", "reuse.csv"];
/// The folder of the figures' tables, beside them.
const FIGURES: &str = "figures";

/// Makes the folder of the tables, before any work is done for it, unless one of them would lie over what is read.
pub(super) fn folder_of_tables(folder: &Path, inputs: &Inputs) -> Result<()> {
    inputs.refuse_in(folder, |name| TABLES.contains(&name))?;
    inputs.refuse_in(&folder.join(FIGURES), |name| name.ends_with(".csv"))?;
    self::folder(folder)
}

/// Makes a folder.
pub(super) fn folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}

/// Writes the tables of a report into a folder: one by layer, one for repetition, one for reuse.
pub(super) fn tables(report: &Report, folder: &Path) -> Result<()> {
    let mut columns: Vec<(String, &[Option<f64>])> = Vec::new();
    for (scope, f) in &report.frequency {
        columns.push((format!("skew_{scope}"), &f.skew));
    }
    for (kind, scopes) in [("cross_layer", &report.cross_layer), ("cross_token", &report.cross_token)] {
        for (scope, t) in scopes {
            columns.push((format!("{kind}_{scope}_coverage_top"), &t.coverage_top));
            columns.push((format!("{kind}_{scope}_coverage_weighted"), &t.coverage_weighted));
            columns.push((format!("{kind}_{scope}_coverage_heldout"), &t.coverage_heldout));
            columns.push((format!("{kind}_{scope}_coverage_baseline"), &t.coverage_baseline));
            let diagonals = [("weighted", &t.diagonal_weighted), ("unweighted", &t.diagonal_unweighted)];
            for (name, values) in diagonals.into_iter().filter_map(|(n, v)| Some((n, v.as_ref()?))) {
                columns.push((format!("{kind}_{scope}_diagonal_{name}"), values));
            }
        }
    }
    columns.push(("rho_frequency".into(), &report.similarity.rho_frequency));
    columns.push(("rho_cross_layer".into(), &report.similarity.rho_cross_layer));
    columns.push(("rho_cross_token".into(), &report.similarity.rho_cross_token));
    columns.push(("rho_noise_ceiling".into(), &report.similarity.rho_noise_ceiling));
    columns.push(("split_half_cross_layer".into(), &report.similarity.split_half_cross_layer));
    columns.push(("split_half_cross_token".into(), &report.similarity.split_half_cross_token));
    columns.push(("ceiling_frequency".into(), &report.similarity.ceiling_frequency));
    columns.push(("ceiling_cross_layer".into(), &report.similarity.ceiling_cross_layer));
    columns.push(("ceiling_cross_token".into(), &report.similarity.ceiling_cross_token));
    columns.push(("repetition_lockstep".into(), &report.repetition.lockstep));
    for (m, values) in &report.similarity.decode_top5_in_prefill_top {
        columns.push((format!("decode_top5_in_prefill_top{m}"), values));
    }
    if let Some(pairs) = &report.coactivation {
        columns.push(("pair_max_ratio".into(), &pairs.max_ratio));
        columns.push(("pair_top10_share".into(), &pairs.top10_share));
    }
    let cell = |v: Option<f64>| v.map_or(String::new(), |v| v.to_string());
    let header: Vec<String> =
        ["layer".into()].into_iter().chain(columns.iter().map(|(name, _)| name.clone())).collect();
    let by_layer = report.layer_ids.iter().enumerate().map(|(i, layer)| {
        let cells = columns.iter().map(|(_, values)| cell(values.get(i).copied().flatten()));
        [layer.to_string()].into_iter().chain(cells).collect()
    });
    table(&folder.join(TABLES[0]), &header, by_layer)?;
    let r = &report.repetition;
    let windows = r.windows.iter().enumerate().flat_map(|(w, window)| {
        let row = move |(l, layer): (usize, &u32)| {
            vec![window.to_string(), layer.to_string(), cell(r.any[w][l]), cell(r.fraction[w][l])]
        };
        report.layer_ids.iter().enumerate().map(row)
    });
    table(&folder.join(TABLES[1]), &["window", "layer", "any", "fraction"], windows)?;
    let bins = report.reuse.iter().flat_map(|(name, reuse)| {
        reuse.log2_bins.iter().enumerate().map(move |(bin, count)| {
            let numbers = [reuse.accesses, reuse.cold, bin as u64, *count].map(|n| n.to_string());
            [name.clone(), reuse.scope.clone()].into_iter().chain(numbers).collect()
        })
    });
    table(&folder.join(TABLES[2]), &["stream", "scope", "accesses", "cold", "log2_bin", "count"], bins)
}

/// Writes one table; the csv crate knows which names need quotes.
fn table(path: &Path, header: &[impl AsRef<[u8]>], rows: impl Iterator<Item = Vec<String>>) -> Result<()> {
    put(path, |file| {
        let mut out = csv::Writer::from_writer(file);
        out.write_record(header)?;
        for row in rows {
            out.write_record(row)?;
        }
        Ok(out.flush()?)
    })
}

/// Writes the table of each figure into the folder `figures` of a folder; what the trace cannot tell is no file.
pub(super) fn figures(all: &[Figure], folder: &Path) -> Result<()> {
    let folder = folder.join(FIGURES);
    self::folder(&folder)?;
    for figure in all.iter().filter(|f| f.empty().is_none()) {
        let path = folder.join(format!("{}.csv", figure.id));
        put(&path, |file| Ok(file.write_all(Table::of(figure).csv().as_bytes())?))?;
    }
    Ok(())
}

/// Writes all counts as arrays of 64-bit integers: `frequency_*` `[layer, expert]`, `cross_token_*`, `cross_layer_*` and
/// `pairs` `[layer, expert, expert]`, and the layer ids.
pub(super) fn counts(summary: &Summary, output: &Output) -> Result<()> {
    output.write(|file| arrays(summary, file), |_| Ok(()))
}

fn arrays(summary: &Summary, file: &mut fs::File) -> Result<()> {
    let mut archive = ZipWriter::new(std::io::BufWriter::new(file));
    let (n, layers) = (summary.experts, summary.layers.len());
    let mut save = |name: &str, shape: &[usize], cells: &mut dyn Iterator<Item = u64>| -> Result<()> {
        archive.start_file(format!("{name}.npy"), SimpleFileOptions::default().large_file(true))?;
        archive.write_all(&header(shape, "<u8"))?;
        for cell in cells {
            archive.write_all(&cell.to_le_bytes())?;
        }
        Ok(())
    };
    save("layer_ids", &[layers], &mut summary.layers.keys().map(|&id| id.into()))?;
    let unmarked = summary.tokens[2] > 0;
    for scope in Scope::EACH.into_iter().chain(unmarked.then_some(Scope::Unmarked)) {
        let rows = summary.layers.values().flat_map(|l| frequency(l, scope, Half::Both, n));
        save(&format!("frequency_{}", scope.name()), &[layers, n], &mut { rows })?;
        let joined = if scope == Scope::All { "joined" } else { scope.name() };
        for (kind, name, count) in [
            (Kind::CrossToken, format!("cross_token_{joined}"), layers),
            (Kind::CrossLayer, format!("cross_layer_{}", scope.name()), layers.saturating_sub(1)),
        ] {
            let tables = summary.layers.values().take(count);
            let cells = tables.flat_map(|l| transition(l, kind, scope, Half::Both, n).cells);
            save(&name, &[count, n, n], &mut { cells })?;
        }
    }
    if summary.top_k > 1 && !summary.is_counts() {
        save("pairs", &[layers, n, n], &mut summary.layers.values().flat_map(|l| pair_counts(l, n).cells))?;
    }
    Ok(archive.finish()?.flush()?)
}

/// The header of a `.npy` of a type, padded to 64 bytes.
pub(super) fn header(shape: &[usize], kind: &str) -> Vec<u8> {
    let shape: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}", shape.trim_end());
    let padded = (10 + text.len() + 1).next_multiple_of(64);
    text.extend(std::iter::repeat_n(' ', padded - 11 - text.len()));
    text.push('\n');
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &length, text.as_bytes()].concat()
}
