//! The picture of the rooms in docs/map.svg: each room with its files, and an arrow to each room that it names. Drawn from the
//! code by `make map`; a test holds that it is what the code says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::graph::Graph;

/// Room at the left and right edge.
const EDGE: usize = 20;
const BOX: usize = 250;
const GAP: (usize, usize) = (30, 54);
const LINE: usize = 15;
/// Letters of a line of files.
const LETTERS: usize = 36;

type Rooms = BTreeMap<String, BTreeSet<String>>;

/// Rooms with the rooms that they name, and with their files.
fn rooms(graph: &Graph) -> (Rooms, Rooms) {
    let (mut names, mut files) = (Rooms::new(), Rooms::new());
    for (module, to) in &graph.arrows {
        let Some(room) = module.first() else { continue };
        let inside = module[1..].join("/");
        files.entry(room.clone()).or_default().extend((!inside.is_empty()).then_some(inside));
        let others = to.iter().map(|m| m[0].clone()).filter(|other| other != room);
        names.entry(room.clone()).or_default().extend(others);
    }
    (names, files)
}

/// How many rooms lie under a room on the longest way down.
fn height(room: &str, names: &Rooms, depth: usize) -> usize {
    if depth > names.len() {
        return depth;
    }
    names[room].iter().map(|other| height(other, names, depth + 1) + 1).max().unwrap_or(0)
}

/// Whether a room is reached from another by a longer way than the arrow between them.
fn around(from: &str, to: &str, names: &Rooms) -> bool {
    fn reaches(from: &str, to: &str, names: &Rooms, depth: usize) -> bool {
        from == to || (depth < names.len() && names[from].iter().any(|next| reaches(next, to, names, depth + 1)))
    }
    names[from].iter().any(|next| next != to && reaches(next, to, names, 0))
}

/// The names of files in lines.
fn lines(files: &BTreeSet<String>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for file in files {
        match lines.last_mut() {
            Some(last) if last.len() + file.len() + 2 <= LETTERS => {
                let _ = write!(last, ", {file}");
            }
            _ => lines.push(file.clone()),
        }
    }
    lines
}

/// The picture.
pub(crate) fn draw(graph: &Graph) -> String {
    let (names, files) = rooms(graph);
    let mut levels: BTreeMap<usize, Vec<&String>> = BTreeMap::new();
    for room in names.keys() {
        levels.entry(height(room, &names, 0)).or_default().push(room);
    }
    let across = |rooms: &Vec<&String>| rooms.len() * (BOX + GAP.0) - GAP.0;
    let width = levels.values().map(across).max().unwrap_or(BOX) + 2 * EDGE;
    let mut places: BTreeMap<&String, (usize, usize, usize)> = BTreeMap::new();
    let mut y = EDGE;
    for rooms in levels.values().rev() {
        let mut x = (width - across(rooms)) / 2;
        let mut tallest = 0;
        for &room in rooms {
            let tall = 30 + lines(&files[room]).len() * LINE;
            places.insert(room, (x, y, tall));
            tallest = tallest.max(tall);
            x += BOX + GAP.0;
        }
        y += tallest + GAP.1;
    }
    let tall = y - GAP.1 + EDGE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {tall}\" font-family=\"system-ui, sans-serif\">\n\
         <title>The rooms of moescope and what they name</title>\n\
         <desc>Drawn from the code by make map. An arrow leads from a room to one that it names; pale where a longer way leads there too.</desc>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#a8430f\"/></marker></defs>\n\
         <rect width=\"{width}\" height=\"{tall}\" fill=\"#fff\"/>\n"
    );
    for pale in [true, false] {
        for (room, others) in &names {
            let (x, y, tall) = places[room];
            for (i, other) in others.iter().enumerate() {
                if around(room, other, &names) != pale {
                    continue;
                }
                let (to_x, to_y, _) = places[other];
                // Arrows of a room begin beside each other.
                let from = x + BOX * (i + 1) / (others.len() + 1);
                let (start, end, middle) = (y + tall, to_x + BOX / 2, (y + tall + to_y) / 2);
                let (ink, tip) = if pale { ("#e4d5cb", "") } else { ("#a8430f", " marker-end=\"url(#tip)\"") };
                let _ = writeln!(
                    svg,
                    "<path d=\"M{from} {start}C{from} {middle} {end} {middle} {end} {}\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"1.5\"{tip}/>",
                    to_y - 2
                );
            }
        }
    }
    for (room, (x, y, tall)) in &places {
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{BOX}\" height=\"{tall}\" rx=\"6\" fill=\"#fbf4ef\" stroke=\"#7a6a60\"/>\n\
             <text x=\"{}\" y=\"{}\" font-size=\"15\" font-weight=\"600\" fill=\"#2a211c\">{room}</text>",
            x + 10,
            y + 20
        );
        for (i, line) in lines(&files[*room]).iter().enumerate() {
            let at = y + 20 + (i + 1) * LINE;
            let _ = writeln!(svg, "<text x=\"{}\" y=\"{at}\" font-size=\"11\" fill=\"#5a4c44\">{line}</text>", x + 10);
        }
    }
    svg.push_str("</svg>\n");
    svg
}
