//! Pickles, of which nothing is run. A pickle is a program that builds objects and may call anything; here only lists, dicts, texts
//! and numbers are built, and the few calls by which NumPy and torch write arrays are answered by ourselves. Every other name is
//! noted and stands for nothing. Apart from libraries for it: those that there are know no arrays, and build what is asked.

mod nodes;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Problem;
use super::node::Node;
use super::tensor::{Kind, Shared, Tensor, size};

/// Names that a pickle asked to call, and that were not.
pub(super) type Names = BTreeSet<String>;

/// Values that a pickle may build: thirty bytes each.
const MOST_VALUES: usize = 1 << 25;
/// How deep lists may stand in lists.
const DEEPEST: usize = 64;

/// Gives the bytes of a storage by its key: torch keeps them beside the pickle.
pub(super) type Storages<'a> = &'a mut dyn FnMut(&str) -> Option<(Shared, usize, bool)>;

/// A value. Containers lie in a list of their own and are named by position, so that neither cycles nor depth can hurt.
#[derive(Clone)]
enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Rc<str>),
    Bytes(Shared),
    /// A list, tuple or set.
    List(usize),
    Dict(usize),
    Array(usize),
    Dtype(usize),
    /// A name that may be called.
    Name(Rc<str>),
    Storage(Option<Kind>, Rc<str>),
    Tensor(Rc<Tensor>),
    Opaque(Rc<str>),
}

/// An array of NumPy in the making: its state, once it is known.
#[derive(Clone, Default)]
struct Array {
    shape: Vec<usize>,
    kind: Option<(Kind, bool)>,
    fortran: bool,
    data: Option<Value>,
}

struct Machine<'a, 'b> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: BTreeMap<u64, Value>,
    lists: Vec<Vec<Value>>,
    dicts: Vec<Vec<(Value, Value)>>,
    arrays: Vec<Array>,
    /// Types of NumPy: their name, and whether they are big-endian.
    dtypes: Vec<(Rc<str>, bool)>,
    /// Storages that were named, and the types of their elements.
    keys: BTreeMap<String, Kind>,
    values: usize,
    storages: Storages<'b>,
    names: &'a mut Names,
}

/// Builds what a pickle describes.
pub(super) fn read(bytes: &[u8], storages: Storages<'_>, names: &mut Names) -> Result<Node, Problem> {
    let mut machine = Machine::new(bytes, storages, names);
    match machine.run() {
        Ok(value) => {
            let mut left = MOST_VALUES;
            Ok(machine.node(&value, DEEPEST, &mut left))
        }
        Err(why) => {
            let why = why.unwrap_or_else(|| "it is cut off or damaged".into());
            Err(Problem::Unreadable { why: format!("the pickle cannot be read: {why}, at its byte {}", machine.at) })
        }
    }
}

/// Bytes of a pickle, up to its end; none if it has none.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let (mut names, mut none) = (Names::new(), |_: &str| None);
    let mut machine = Machine::new(bytes, &mut none, &mut names);
    machine.run().ok().map(|_| machine.at)
}

/// The keys of the storages that a pickle names, and the types of their elements.
pub(super) fn storages(bytes: &[u8], names: &mut Names) -> BTreeMap<String, Kind> {
    let mut none = |_: &str| None;
    let mut machine = Machine::new(bytes, &mut none, names);
    let _ = machine.run();
    machine.keys
}

/// None: damaged; else what is wrong.
type Run<T> = Result<T, Option<String>>;

impl<'a, 'b> Machine<'a, 'b> {
    fn new(bytes: &'a [u8], storages: Storages<'b>, names: &'a mut Names) -> Self {
        Self {
            bytes,
            at: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: BTreeMap::new(),
            lists: Vec::new(),
            dicts: Vec::new(),
            arrays: Vec::new(),
            dtypes: Vec::new(),
            keys: BTreeMap::new(),
            values: 0,
            storages,
            names,
        }
    }

    fn run(&mut self) -> Run<Value> {
        loop {
            let op = self.take(1)?[0];
            match op {
                // The end.
                b'.' => return self.pop(),
                // Protocol and frames say nothing that is needed.
                0x80 | 0x95 => {
                    self.take(if op == 0x80 { 1 } else { 8 })?;
                }
                b'(' => self.marks.push(self.stack.len()),
                b'0' => drop(self.pop()?),
                b'1' => drop(self.since_mark()?),
                b'2' => {
                    let top = self.stack.last().cloned().ok_or(None)?;
                    self.push(top)?;
                }
                b'N' => self.push(Value::None)?,
                0x88 | 0x89 => self.push(Value::Bool(op == 0x88))?,
                b'K' => self.number(1)?,
                b'M' => self.number(2)?,
                b'J' => self.number(4)?,
                b'I' | b'L' => {
                    let line = self.line()?;
                    let value = match line.trim_end_matches('L') {
                        "01" if op == b'I' => Value::Bool(true),
                        "00" if op == b'I' => Value::Bool(false),
                        text => text.parse().map_or_else(|_| Value::Opaque("a large number".into()), Value::Int),
                    };
                    self.push(value)?;
                }
                0x8a | 0x8b => {
                    let length = if op == 0x8a { self.length(1)? } else { self.length(4)? };
                    let bytes = self.take(length)?;
                    let value = match bytes {
                        [] => Value::Int(0),
                        [.., last] if bytes.len() <= 8 => {
                            let mut all = [if last >> 7 == 1 { 0xff } else { 0 }; 8];
                            all[..bytes.len()].copy_from_slice(bytes);
                            Value::Int(i64::from_le_bytes(all))
                        }
                        _ => Value::Opaque("a large number".into()),
                    };
                    self.push(value)?;
                }
                b'G' => {
                    let bytes = self.take(8)?;
                    let value = Value::Float(f64::from_be_bytes(bytes.try_into().map_err(|_| None)?));
                    self.push(value)?;
                }
                b'F' => {
                    let value = self.line()?.parse().map(Value::Float).map_err(|_| None)?;
                    self.push(value)?;
                }
                b'S' | b'V' => {
                    let line = self.line()?;
                    let text = if op == b'S' { line.trim_matches(['\'', '"']) } else { line.as_str() };
                    self.push(Value::Text(text.into()))?;
                }
                0x8c => self.text(1)?,
                b'X' => self.text(4)?,
                0x8d => self.text(8)?,
                b'C' | b'U' => self.raw(1)?,
                b'B' | b'T' => self.raw(4)?,
                0x8e | 0x96 => self.raw(8)?,
                b']' | b')' | 0x8f => self.list(Vec::new())?,
                b'l' | b't' | 0x91 => {
                    let items = self.since_mark()?;
                    self.list(items)?;
                }
                0x85..=0x87 => {
                    let from = self.stack.len().checked_sub(usize::from(op - 0x84)).ok_or(None)?;
                    let items = self.stack.split_off(from);
                    self.list(items)?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend(vec![item])?;
                }
                b'e' | 0x90 => {
                    let items = self.since_mark()?;
                    self.extend(items)?;
                }
                b'}' => {
                    self.dicts.push(Vec::new());
                    self.push(Value::Dict(self.dicts.len() - 1))?;
                }
                b'd' => {
                    let items = self.since_mark()?;
                    self.dicts.push(Vec::new());
                    self.push(Value::Dict(self.dicts.len() - 1))?;
                    self.set(items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.set(vec![key, value])?;
                }
                b'u' => {
                    let items = self.since_mark()?;
                    self.set(items)?;
                }
                b'p' => {
                    let key = self.line()?.parse().map_err(|_| None)?;
                    self.remember(key)?;
                }
                b'q' | b'r' => {
                    let key = self.length(if op == b'q' { 1 } else { 4 })? as u64;
                    self.remember(key)?;
                }
                0x94 => self.remember(self.memo.len() as u64)?,
                b'g' => {
                    let key = self.line()?.parse().map_err(|_| None)?;
                    self.recall(key)?;
                }
                b'h' | b'j' => {
                    let key = self.length(if op == b'h' { 1 } else { 4 })? as u64;
                    self.recall(key)?;
                }
                b'c' => {
                    let name = format!("{} {}", self.line()?, self.line()?);
                    self.push(Value::Name(name.as_str().into()))?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (Value::Text(name), Value::Text(module)) = (name, module) else { return Err(None) };
                    self.push(Value::Name(format!("{module} {name}").as_str().into()))?;
                }
                0x82..=0x84 => {
                    self.take([1, 2, 4][usize::from(op - 0x82)])?;
                    self.push(Value::Name("copyreg extension".into()))?;
                }
                // Calls: with a tuple, as a new object, with keywords.
                b'R' | 0x81 => {
                    let (arguments, callee) = (self.pop()?, self.pop()?);
                    self.spend_on(&arguments)?;
                    let made = self.call(&callee, &arguments);
                    self.push(made)?;
                }
                0x92 => {
                    let (_, arguments, callee) = (self.pop()?, self.pop()?, self.pop()?);
                    self.spend_on(&arguments)?;
                    let made = self.call(&callee, &arguments);
                    self.push(made)?;
                }
                b'i' => {
                    let name = format!("{} {}", self.line()?, self.line()?);
                    drop(self.since_mark()?);
                    self.refuse(&name);
                    self.push(Value::Opaque(name.as_str().into()))?;
                }
                b'o' => {
                    let items = self.since_mark()?;
                    let name = items.first().map_or_else(|| "an object".into(), |v| self.name(v));
                    self.refuse(&name);
                    self.push(Value::Opaque(name.as_str().into()))?;
                }
                b'b' => {
                    let state = self.pop()?;
                    self.spend(self.cost(&state))?;
                    self.build(&state)?;
                }
                b'Q' => {
                    let id = self.pop()?;
                    let storage = self.storage(&id);
                    self.push(storage)?;
                }
                b'P' => {
                    drop(self.line()?);
                    self.push(Value::Opaque("a reference".into()))?;
                }
                0x97 => self.push(Value::Opaque("a buffer outside".into()))?,
                0x98 => {}
                _ => return Err(Some(format!("no such instruction ({op:#04x})"))),
            }
        }
    }

    fn take(&mut self, n: usize) -> Run<&'a [u8]> {
        let end = self.at.checked_add(n).filter(|&end| end <= self.bytes.len()).ok_or(None)?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn length(&mut self, bytes: usize) -> Run<usize> {
        let mut all = [0; 8];
        all[..bytes].copy_from_slice(self.take(bytes)?);
        Ok(size(u64::from_le_bytes(all)))
    }

    fn line(&mut self) -> Run<String> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&b| b == b'\n').ok_or(None)?;
        self.at += end + 1;
        Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
    }

    fn number(&mut self, bytes: usize) -> Run<()> {
        let n = self.length(bytes)? as u64;
        // The one of four bytes has a sign.
        let n = if bytes == 4 { i64::from(u32::try_from(n).unwrap_or(0).cast_signed()) } else { n.cast_signed() };
        self.push(Value::Int(n))
    }

    fn text(&mut self, bytes: usize) -> Run<()> {
        let length = self.length(bytes)?;
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(Value::Text(text.as_str().into()))
    }

    fn raw(&mut self, bytes: usize) -> Run<()> {
        let length = self.length(bytes)?;
        let raw = Value::Bytes(Rc::new(self.take(length)?.to_vec()));
        self.push(raw)
    }

    fn push(&mut self, value: Value) -> Run<()> {
        self.spend(1)?;
        self.stack.push(value);
        Ok(())
    }

    /// Counts values that are built or copied: two bytes can ask for a copy of everything that was built before.
    fn spend(&mut self, values: usize) -> Run<()> {
        self.values = self.values.saturating_add(values);
        if self.values > MOST_VALUES {
            return Err(Some(format!("it builds more than {MOST_VALUES} values")));
        }
        Ok(())
    }

    /// What a copy of a value takes, in values.
    fn cost(&self, value: &Value) -> usize {
        match value {
            Value::List(at) => self.lists[*at].len(),
            Value::Dict(at) => self.dicts[*at].len() * 2,
            Value::Text(text) => text.len() / 8,
            _ => 0,
        }
    }

    fn pop(&mut self) -> Run<Value> {
        let low = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= low { Err(None) } else { self.stack.pop().ok_or(None) }
    }

    fn since_mark(&mut self) -> Run<Vec<Value>> {
        let mark = self.marks.pop().filter(|&m| m <= self.stack.len()).ok_or(None)?;
        Ok(self.stack.split_off(mark))
    }

    fn list(&mut self, items: Vec<Value>) -> Run<()> {
        self.lists.push(items);
        self.push(Value::List(self.lists.len() - 1))
    }

    fn extend(&mut self, items: Vec<Value>) -> Run<()> {
        // What is added to something that was not built is not built either.
        if let Some(&Value::List(at)) = self.stack.last() {
            self.lists[at].extend(items);
        }
        Ok(())
    }

    fn set(&mut self, items: Vec<Value>) -> Run<()> {
        if let Some(&Value::Dict(at)) = self.stack.last() {
            let mut items = items.into_iter();
            while let (Some(key), Some(value)) = (items.next(), items.next()) {
                self.dicts[at].push((key, value));
            }
        }
        Ok(())
    }

    fn remember(&mut self, key: u64) -> Run<()> {
        self.spend(1)?;
        let top = self.stack.last().cloned().ok_or(None)?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, key: u64) -> Run<()> {
        let value = self.memo.get(&key).cloned().ok_or(None)?;
        self.push(value)
    }

    fn refuse(&mut self, name: &str) {
        if self.names.len() < 8 {
            self.names.insert(name.replace(' ', ".").chars().filter(|c| !c.is_control()).take(80).collect());
        }
    }

    fn name(&self, value: &Value) -> String {
        match value {
            Value::Name(name) | Value::Opaque(name) => name.to_string(),
            _ => "an object".into(),
        }
    }

    fn items(&self, value: &Value) -> &[Value] {
        if let Value::List(at) = value { &self.lists[*at] } else { &[] }
    }

    fn sizes(&self, value: Option<&Value>) -> Option<Vec<usize>> {
        let all = self.items(value?).iter();
        all.map(|v| if let Value::Int(n) = v { usize::try_from(*n).ok() } else { None }).collect()
    }

    /// Counts what a call copies: its arguments, and what they hold.
    fn spend_on(&mut self, arguments: &Value) -> Run<()> {
        let held: usize = self.items(arguments).iter().map(|v| self.cost(v)).sum();
        self.spend(self.cost(arguments).saturating_add(held))
    }

    /// Answers a call by ourselves, or refuses it.
    fn call(&mut self, callee: &Value, arguments: &Value) -> Value {
        let Value::Name(name) = callee else {
            let name = self.name(callee);
            return Value::Opaque(name.as_str().into());
        };
        let given = self.items(arguments).to_vec();
        let made = match name.as_ref() {
            "torch._utils _rebuild_tensor_v2" | "torch._utils _rebuild_tensor" => self.rebuild(&given, None),
            "torch._utils _rebuild_tensor_v3" => {
                let kind = given.get(6).map(|v| self.name(v)).and_then(|name| Kind::named(&name));
                self.rebuild(&given, kind)
            }
            "torch._utils _rebuild_parameter" | "torch._utils _rebuild_parameter_with_state" => given.first().cloned(),
            // A subclass of a tensor: the call that makes the tensor, with its arguments.
            "torch._tensor _rebuild_from_type_v2" => match &given[..] {
                [inner @ Value::Name(of), _, arguments, ..] if of.starts_with("torch._utils ") => {
                    Some(self.call(&inner.clone(), &arguments.clone()))
                }
                _ => None,
            },
            "collections OrderedDict" | "collections defaultdict" | "collections Counter" => {
                let pairs: Vec<Value> = given.last().map(|v| self.items(v).to_vec()).unwrap_or_default();
                let pair = |v: &Value| match self.items(v) {
                    [key, value] => Some((key.clone(), value.clone())),
                    _ => None,
                };
                let dict = match given.last() {
                    Some(&Value::Dict(at)) => self.dicts[at].clone(),
                    _ => pairs.iter().filter_map(pair).collect(),
                };
                self.dicts.push(dict);
                Some(Value::Dict(self.dicts.len() - 1))
            }
            "torch Size" => given.first().cloned(),
            "numpy.core.multiarray _reconstruct" | "numpy._core.multiarray _reconstruct" => {
                self.arrays.push(Array::default());
                Some(Value::Array(self.arrays.len() - 1))
            }
            "numpy.core.numeric _frombuffer" | "numpy._core.numeric _frombuffer" => {
                let fortran = matches!(given.get(3), Some(Value::Text(order)) if order.as_ref() == "F");
                let (shape, kind) = (self.sizes(given.get(2)), given.get(1).and_then(|v| self.kind(v)));
                self.arrays.push(Array {
                    shape: shape.unwrap_or_default(),
                    kind,
                    fortran,
                    data: given.first().cloned(),
                });
                Some(Value::Array(self.arrays.len() - 1))
            }
            "numpy.core.multiarray scalar" | "numpy._core.multiarray scalar" => {
                let kind = given.first().and_then(|v| self.kind(v));
                self.arrays.push(Array { kind, data: given.get(1).cloned(), ..Array::default() });
                Some(Value::Array(self.arrays.len() - 1))
            }
            "numpy dtype" => match given.first() {
                Some(Value::Text(kind)) => {
                    self.dtypes.push((Rc::clone(kind), false));
                    Some(Value::Dtype(self.dtypes.len() - 1))
                }
                _ => None,
            },
            "_codecs encode" => match &given[..] {
                [Value::Text(text), Value::Text(code), ..] if code.as_ref() == "latin1" => {
                    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
                    bytes.map(|bytes| Value::Bytes(Rc::new(bytes)))
                }
                _ => None,
            },
            _ => None,
        };
        made.unwrap_or_else(|| {
            self.refuse(name);
            Value::Opaque(Rc::clone(name))
        })
    }

    /// Gives an object its state: arrays and types of NumPy; everything else has none here.
    fn build(&mut self, state: &Value) -> Run<()> {
        let parts = self.items(state).to_vec();
        match self.stack.last() {
            Some(&Value::Array(at)) => {
                let shape = self.sizes(parts.get(1)).unwrap_or_default();
                let kind = parts.get(2).and_then(|v| self.kind(v));
                let fortran = matches!(parts.get(3), Some(Value::Bool(true)));
                self.arrays[at] = Array { shape, kind, fortran, data: parts.get(4).cloned() };
            }
            Some(&Value::Dtype(at)) => {
                self.dtypes[at].1 = matches!(parts.get(1), Some(Value::Text(order)) if order.as_ref() == ">");
            }
            _ => {}
        }
        Ok(())
    }

    fn kind(&self, value: &Value) -> Option<(Kind, bool)> {
        let Value::Dtype(at) = value else { return None };
        let (name, big) = &self.dtypes[*at];
        Kind::named(name).map(|kind| (kind, *big))
    }

    /// `("storage", type, key, device, elements)`; the device does not matter.
    fn storage(&mut self, id: &Value) -> Value {
        let (kind, key) = match self.items(id) {
            [Value::Text(what), of, Value::Text(key), ..] if what.as_ref() == "storage" => {
                (Kind::named(&self.name(of)), Rc::clone(key))
            }
            _ => return Value::Opaque("a reference".into()),
        };
        if let Some(kind) = kind {
            self.keys.insert(key.to_string(), kind);
        }
        Value::Storage(kind, key)
    }

    fn rebuild(&mut self, given: &[Value], kind: Option<Kind>) -> Option<Value> {
        let [Value::Storage(of, key), Value::Int(offset), shape, strides, ..] = given else { return None };
        let kind = kind.or(*of)?;
        let (shape, strides) = (self.sizes(Some(shape))?, self.sizes(Some(strides))?);
        let offset = usize::try_from(*offset).ok()?;
        let (bytes, at, big) = (self.storages)(key)?;
        let at = at.checked_add(offset.checked_mul(kind.size())?)?;
        Tensor::new((&bytes, at), (kind, big), &shape, Some(&strides)).ok().map(|t| Value::Tensor(Rc::new(t)))
    }
}
