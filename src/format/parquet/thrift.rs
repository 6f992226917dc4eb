//! Thrift's compact protocol, in which Parquet describes itself. Apart from what is described: here fields have numbers, there names.

/// A value; fields that are not there are nothing.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Nothing,
    Int(i64),
    Bytes(&'a [u8]),
    List(Vec<Value<'a>>),
    Struct(Vec<(i64, Value<'a>)>),
}

static NOTHING: Value<'static> = Value::Nothing;

impl<'a> Value<'a> {
    pub(super) fn field(&self, id: i64) -> &Value<'a> {
        let Self::Struct(fields) = self else { return &NOTHING };
        fields.iter().find(|(of, _)| *of == id).map_or(&NOTHING, |(_, value)| value)
    }

    /// A number; 0 if it is not there.
    pub(super) fn int(&self, id: i64) -> i64 {
        if let Self::Int(n) = self.field(id) { *n } else { 0 }
    }

    /// Whether a field is there.
    pub(super) fn has(&self, id: i64) -> bool {
        !matches!(self.field(id), Self::Nothing)
    }

    pub(super) fn bytes(&self, id: i64) -> &'a [u8] {
        if let Self::Bytes(bytes) = self.field(id) { bytes } else { &[] }
    }

    pub(super) fn list(&self, id: i64) -> &[Value<'a>] {
        if let Self::List(all) = self.field(id) { all } else { &[] }
    }
}

/// Values of one description: a footer of ten thousand columns has fewer.
const MOST: usize = 1 << 22;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    left: usize,
}

/// The struct at the start of some bytes, and how long it is.
pub(super) fn read(bytes: &[u8]) -> Option<(Value<'_>, usize)> {
    let mut reader = Reader { bytes, at: 0, left: MOST };
    let value = reader.value(12, 24)?;
    Some((value, reader.at))
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// Zigzag: the sign is the last bit.
    fn signed(&mut self) -> Option<i64> {
        let n = self.unsigned()?;
        Some((n >> 1).cast_signed() ^ -(n & 1).cast_signed())
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let end = self.at.checked_add(usize::try_from(length).ok()?)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn value(&mut self, kind: u8, depth: u8) -> Option<Value<'a>> {
        self.left = self.left.checked_sub(1)?;
        let below = depth.checked_sub(1)?;
        Some(match kind {
            1 => Value::Int(1),
            2 => Value::Int(0),
            3 => Value::Int(i64::from(self.byte()?.cast_signed())),
            4..=6 => Value::Int(self.signed()?),
            7 => {
                self.take(8)?;
                Value::Nothing
            }
            8 => {
                let length = self.unsigned()?;
                Value::Bytes(self.take(length)?)
            }
            9 | 10 => {
                let head = self.byte()?;
                let length = if head >> 4 == 15 { self.unsigned()? } else { u64::from(head >> 4) };
                let mut all = Vec::new();
                for _ in 0..length {
                    // In a list a bool is a byte of its own.
                    all.push(if matches!(head & 15, 1 | 2) {
                        Value::Int(self.byte()?.into())
                    } else {
                        self.value(head & 15, below)?
                    });
                }
                Value::List(all)
            }
            11 => {
                let length = self.unsigned()?;
                if length > 0 {
                    let kinds = self.byte()?;
                    for _ in 0..length {
                        self.value(kinds >> 4, below)?;
                        self.value(kinds & 15, below)?;
                    }
                }
                Value::Nothing
            }
            12 => {
                let (mut fields, mut id) = (Vec::new(), 0i64);
                loop {
                    let head = self.byte()?;
                    if head == 0 {
                        return Some(Value::Struct(fields));
                    }
                    id = if head >> 4 == 0 { self.signed()? } else { id.checked_add(i64::from(head >> 4))? };
                    let value = self.value(head & 15, below)?;
                    fields.push((id, value));
                }
            }
            _ => return None,
        })
    }
}
