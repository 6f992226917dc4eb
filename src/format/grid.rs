//! A bare table of numbers, layers × experts, however it is written: JSON, an array of NumPy, CSV. Apart from the readers of recordings,
//! which count tokens: loads may be shares, or what another program weighs experts by.

use std::rc::Rc;

use super::columns::{Role, role};
use super::readers::cells;
use super::{npy, pickle};

/// Most numbers of a table: 1024 layers of as many experts as a model may have.
const MOST_NUMBERS: usize = 1 << 24;

/// The numbers of a table, row by row, as they are: rows may be of different lengths, and numbers none that can be used.
///
/// # Errors
/// It is no table, or something in it is no number, and in which layer and for which expert.
pub fn grid(bytes: &[u8]) -> Result<Vec<Vec<f64>>, String> {
    let rows = if bytes.starts_with(npy::MAGIC) {
        of_array(bytes)
    } else {
        let text =
            std::str::from_utf8(bytes).map_err(|e| format!("byte {}: no text, and no array", e.valid_up_to()))?;
        let text = text.trim_start_matches('\u{feff}');
        if text.trim_start().starts_with(['[', '{']) { of_json(text) } else { of_lines(text) }
    }?;
    if rows.iter().map(Vec::len).sum::<usize>() > MOST_NUMBERS {
        return Err(format!("more than {MOST_NUMBERS} numbers"));
    }
    Ok(rows)
}

fn of_array(bytes: &[u8]) -> Result<Vec<Vec<f64>>, String> {
    let shared = Rc::new(bytes.to_vec());
    let (node, _) = npy::array(&shared, 0, bytes.len(), &mut pickle::Names::new()).map_err(|why| why.to_string())?;
    let tensor = node.tensor().ok_or("the array holds no numbers")?;
    let &[_, experts] = &tensor.shape[..] else {
        return Err(format!("no [layers, experts] table of loads: it holds {}", tensor.words()));
    };
    let mut all = Vec::with_capacity(tensor.len());
    tensor.floats(|x| all.push(x));
    Ok(all.chunks(experts.max(1)).map(<[f64]>::to_vec).collect())
}

fn of_json(text: &str) -> Result<Vec<Vec<f64>>, String> {
    let rows: Vec<Vec<serde_json::Value>> =
        serde_json::from_str(text).map_err(|e| format!("no [layers][experts] table of loads: {e}"))?;
    let row = |(layer, row): (usize, Vec<serde_json::Value>)| {
        let number = |(expert, v): (usize, serde_json::Value)| {
            v.as_f64().ok_or_else(|| format!("layer {layer}, expert {expert}: {v} is no number"))
        };
        row.into_iter().enumerate().map(number).collect()
    };
    rows.into_iter().enumerate().map(row).collect()
}

/// A line for each layer. A line of names before them is skipped; if the first column is called layer, it holds no loads.
fn of_lines(text: &str) -> Result<Vec<Vec<f64>>, String> {
    let lines = || text.lines().filter(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#'));
    let first = lines().next().ok_or("it is empty")?;
    let between = [b'\t', b',', b';'].into_iter().find(|&b| cells(first, b).len() > 1).unwrap_or(b' ');
    let names = cells(first, between);
    // What is no number, such as NaN, is no name either: it is refused where it stands.
    let is_head = names.iter().any(|name| name.parse::<f64>().is_err() && !name.is_empty());
    let roles: Vec<Role> = if is_head { names.iter().map(|name| role(name)).collect() } else { Vec::new() };
    if roles.contains(&Role::Expert) {
        return Err(
            "it is a list of records with a column of experts: a line for each layer with a number for each expert is \
                    wanted"
                .into(),
        );
    }
    let from = usize::from(roles.first() == Some(&Role::Layer));
    let row = |(layer, line): (usize, &str)| {
        let number = |(expert, cell): (usize, &str)| {
            cell.parse().map_err(|_| format!("layer {layer}, expert {expert}: \u{201c}{cell}\u{201d} is no number"))
        };
        cells(line, between).into_iter().skip(from).enumerate().map(number).collect()
    };
    lines().skip(usize::from(is_head)).enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(kind: &str, shape: &str, fortran: &str, data: &[u8]) -> Vec<u8> {
        let mut head = format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
        while (10 + head.len() + 1) % 64 != 0 {
            head.push(' ');
        }
        head.push('\n');
        let length = u16::try_from(head.len()).unwrap().to_le_bytes();
        [&b"\x93NUMPY\x01\x00"[..], &length, head.as_bytes(), data].concat()
    }

    #[test]
    fn the_same_table_is_read_however_it_is_written() {
        let table = vec![vec![1.0, 2.5], vec![0.0, 4.0], vec![5.0, 0.125]];
        let floats: Vec<u8> = table.concat().iter().flat_map(|x: &f64| x.to_le_bytes()).collect();
        let turned: Vec<u8> = [1.0f32, 0.0, 5.0, 2.5, 4.0, 0.125].iter().flat_map(|x| x.to_le_bytes()).collect();
        let texts = [
            "[[1, 2.5], [0, 4.0], [5, 0.125]]",
            "1,2.5\n0,4\n5,1.25e-1\n",
            "# made by hand\n1\t2.5\n\n0\t4\n5\t0.125",
            "expert 0; expert 1\r\n1;2.5\r\n0;4\r\n5;.125\r\n",
            "layer,a,b\n3,1,2.5\n4,0,4\n7,5,0.125\n",
            "\u{feff}1 2.5\n0  4\n5 0.125",
        ];
        for text in texts {
            assert_eq!(grid(text.as_bytes()), Ok(table.clone()), "{text}");
        }
        assert_eq!(grid(&npy("<f8", "(3, 2)", "False", &floats)), Ok(table.clone()));
        assert_eq!(grid(&npy("<f4", "(3, 2)", "True", &turned)), Ok(table));
        let ints: Vec<u8> = [7i64, -1, 1 << 40].iter().flat_map(|n| n.to_be_bytes()).collect();
        assert_eq!(grid(&npy(">i8", "(1, 3)", "False", &ints)), Ok(vec![vec![7.0, -1.0, 1_099_511_627_776.0]]));
    }

    #[test]
    fn what_is_no_table_says_why() {
        let why = |bytes: &[u8]| grid(bytes).unwrap_err();
        assert!(why(b"").contains("empty") && why(b"\xff\xfe").contains("byte 0"));
        assert!(why(b"[1, 2]").starts_with("no [layers][experts] table"));
        assert_eq!(why(b"[[1, \"x\"]]"), "layer 0, expert 1: \"x\" is no number");
        assert_eq!(why(b"1,2\n3,x\n"), "layer 1, expert 1: \u{201c}x\u{201d} is no number");
        assert!(why(b"layer_id,expert_id,count\n0,0,3\n").contains("a list of records"));
        assert!(why(&npy("<f8", "(3,)", "False", &[0; 24])).contains("float64 [3]"));
        assert!(why(&npy("<f8", "(3, 2)", "False", &[0; 24])).contains("the file holds"));
        // Read as they are: who wants numbers judges them.
        assert!(grid(b"1,NaN\n").unwrap()[0][1].is_nan());
    }
}
