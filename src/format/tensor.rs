//! Arrays as files hold them: any integer or float type, either byte order, any order of axes. Apart from the containers that hold
//! arrays (`.npy`, safetensors, torch), which only say where one lies and how; nothing is copied until it is read.

use std::rc::Rc;

use super::Problem;
use crate::model::UNKNOWN;
use crate::units::index;

/// The type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F16,
    BF16,
    F32,
    F64,
}

impl Kind {
    /// By its name in NumPy (`<i4`, `|u1`, `int32`), safetensors (`I32`), torch (`torch.int32`, `IntStorage`).
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.rsplit([' ', '.']).next()?.trim_start_matches(['<', '>', '|', '=']);
        Some(match name.to_ascii_lowercase().as_str() {
            "b1" | "?" | "bool" | "bool_" | "boolstorage" => Self::Bool,
            "i1" | "i8" if name == "I8" || name == "i1" => Self::I8,
            "int8" | "b" | "charstorage" => Self::I8,
            "u8" if name == "U8" => Self::U8,
            "u1" | "uint8" | "bytestorage" => Self::U8,
            "i2" | "int16" | "i16" | "h" | "short" | "shortstorage" => Self::I16,
            "u2" | "uint16" | "u16" | "uint16storage" => Self::U16,
            "i4" | "int32" | "i32" | "int" | "intstorage" => Self::I32,
            "u4" | "uint32" | "u32" | "uint32storage" => Self::U32,
            "i8" | "int64" | "i64" | "long" | "longstorage" => Self::I64,
            "u8" | "uint64" | "u64" | "uint64storage" => Self::U64,
            "f2" | "float16" | "f16" | "half" | "halfstorage" => Self::F16,
            "bfloat16" | "bf16" | "bfloat16storage" => Self::BF16,
            "f4" | "float32" | "f32" | "float" | "floatstorage" => Self::F32,
            "f8" | "float64" | "f64" | "double" | "doublestorage" => Self::F64,
            _ => return None,
        })
    }

    /// Its name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::I16 => "int16",
            Self::U16 => "uint16",
            Self::I32 => "int32",
            Self::U32 => "uint32",
            Self::I64 => "int64",
            Self::U64 => "uint64",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    pub(super) fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 | Self::BF16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    pub(super) fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::BF16 | Self::F32 | Self::F64)
    }
}

/// Bytes that several arrays may lie in.
pub(super) type Shared = Rc<Vec<u8>>;

/// An array in some bytes.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub(super) kind: Kind,
    pub(super) shape: Vec<usize>,
    /// Most significant byte first.
    big: bool,
    /// Elements from one index to the next, by axis.
    strides: Vec<usize>,
    /// Byte of the first element.
    at: usize,
    bytes: Shared,
}

impl Tensor {
    /// An array of that shape at byte `at`, in C order or by its strides. A view must not hold more elements than the bytes do.
    pub(super) fn new(
        (bytes, at): (&Shared, usize),
        (kind, big): (Kind, bool),
        shape: &[usize],
        strides: Option<&[usize]>,
    ) -> Result<Self, Problem> {
        let unreadable = |why: String| Problem::Unreadable { why };
        let elements = (bytes.len().saturating_sub(at) / kind.size()) as u64;
        let len = shape.iter().try_fold(1u64, |n, &side| n.checked_mul(side as u64));
        let Some(len) = len.filter(|&n| n <= elements) else {
            let promised = len.map_or_else(|| "more ids than any file".into(), |n| format!("{n} ids"));
            return Err(unreadable(format!("the header promises {promised}, the file holds {elements}")));
        };
        let strides = strides.map_or_else(|| c_order(shape), <[usize]>::to_vec);
        let last = shape
            .iter()
            .zip(&strides)
            .try_fold(0usize, |n, (&side, &stride)| n.checked_add(side.saturating_sub(1).checked_mul(stride)?));
        let inside = len == 0 || (strides.len() == shape.len() && last.is_some_and(|last| (last as u64) < elements));
        if !inside {
            return Err(unreadable("the strides of an array lead out of its bytes".into()));
        }
        Ok(Self { kind, shape: shape.to_vec(), big, strides, at, bytes: Rc::clone(bytes) })
    }

    /// Of whole numbers that were read already.
    pub(super) fn of(numbers: &[i64], shape: &[usize]) -> Self {
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        let kind = Kind::I64;
        Self { kind, shape: shape.to_vec(), big: false, strides: c_order(shape), at: 0, bytes: Rc::new(bytes) }
    }

    /// Of other numbers that were read already.
    pub(super) fn of_floats(numbers: &[f64], shape: &[usize]) -> Self {
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        Self { kind: Kind::F64, ..Self { bytes: Rc::new(bytes), ..Self::of(&[], shape) } }
    }

    /// Elements.
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The part at one index of the first axis.
    pub(super) fn part(&self, i: usize) -> Option<Self> {
        let (&side, rest) = self.shape.split_first()?;
        (i < side).then(|| Self {
            shape: rest.to_vec(),
            strides: self.strides[1..].to_vec(),
            at: self.at + i * self.strides[0] * self.kind.size(),
            ..self.clone()
        })
    }

    /// As much of it from the start of the first axis as holds so many elements.
    pub(super) fn head(&self, elements: usize) -> Self {
        let mut head = self.clone();
        let each = self.shape.iter().skip(1).product::<usize>().max(1);
        if let Some(side) = head.shape.first_mut() {
            *side = (*side).min(elements.div_ceil(each));
        }
        head
    }

    /// With its axes in another order.
    pub(super) fn permuted(&self, axes: &[usize]) -> Self {
        let shape = axes.iter().map(|&a| self.shape[a]).collect();
        let strides = axes.iter().map(|&a| self.strides[a]).collect();
        Self { shape, strides, ..self.clone() }
    }

    /// In another shape of as many elements; none if its elements do not lie in C order.
    pub(super) fn reshaped(&self, shape: &[usize]) -> Option<Self> {
        let same = self.strides == c_order(&self.shape) && shape.iter().product::<usize>() == self.len();
        same.then(|| Self { shape: shape.to_vec(), strides: c_order(shape), ..self.clone() })
    }

    /// The shape in words: `uint8 [30, 4, 3]`.
    pub(super) fn words(&self) -> String {
        format!("{} {:?}", self.kind.name(), self.shape)
    }

    /// Gives the bytes of each element, in C order.
    fn each<const N: usize>(&self, mut take: impl FnMut([u8; N])) {
        let mut bytes = |at: usize| {
            let mut element = [0; N];
            element.copy_from_slice(&self.bytes[at..at + N]);
            if self.big {
                element.reverse();
            }
            take(element);
        };
        if self.len() == 0 {
            return;
        }
        let Some((&side, outer)) = self.shape.split_last() else { return bytes(self.at) };
        let step = self.strides[outer.len()] * N;
        let mut place = vec![0; outer.len()];
        let mut start = self.at;
        loop {
            for i in 0..side {
                bytes(start + i * step);
            }
            // The next place of the outer axes.
            let Some(axis) = (0..outer.len()).rev().find(|&a| place[a] + 1 < outer[a]) else { return };
            for (place, stride) in place.iter_mut().zip(&self.strides).skip(axis + 1) {
                start -= *place * stride * N;
                *place = 0;
            }
            place[axis] += 1;
            start += self.strides[axis] * N;
        }
    }

    /// Its whole numbers in C order; of floats those that are whole.
    pub(super) fn ints(&self, mut take: impl FnMut(i64)) {
        if self.kind.is_float() {
            self.of_float(|x| take(whole(x).unwrap_or(-1)));
        } else {
            self.of_int(take);
        }
    }

    /// Its numbers in C order.
    pub(super) fn floats(&self, mut take: impl FnMut(f64)) {
        if self.kind.is_float() {
            self.of_float(take);
        } else {
            self.of_int(|n| take(n as f64));
        }
    }

    fn of_int(&self, mut take: impl FnMut(i64)) {
        match self.kind {
            Kind::I8 => self.each(|b| take(i8::from_le_bytes(b).into())),
            Kind::I16 => self.each(|b| take(i16::from_le_bytes(b).into())),
            Kind::U16 => self.each(|b| take(u16::from_le_bytes(b).into())),
            Kind::I32 => self.each(|b| take(i32::from_le_bytes(b).into())),
            Kind::U32 => self.each(|b| take(u32::from_le_bytes(b).into())),
            Kind::I64 => self.each(|b| take(i64::from_le_bytes(b))),
            Kind::U64 => self.each(|b| take(i64::try_from(u64::from_le_bytes(b)).unwrap_or(i64::MAX))),
            _ => self.each(|b: [u8; 1]| take(b[0].into())),
        }
    }

    fn of_float(&self, mut take: impl FnMut(f64)) {
        match self.kind {
            Kind::F16 => self.each(|b| take(half(u16::from_le_bytes(b)))),
            Kind::BF16 => self.each(|b| take(f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16).into())),
            Kind::F32 => self.each(|b| take(f32::from_le_bytes(b).into())),
            _ => self.each(|b| take(f64::from_le_bytes(b))),
        }
    }

    /// Its ids in C order; what is no id of an expert (-1) is unknown.
    pub(super) fn ids(&self) -> Vec<u16> {
        let mut ids = Vec::with_capacity(self.len());
        self.ints(|n| ids.push(u16::try_from(n).unwrap_or(UNKNOWN)));
        ids
    }

    /// Its whole numbers as a list.
    pub(super) fn list(&self) -> Vec<i64> {
        let mut all = Vec::with_capacity(self.len());
        self.ints(|n| all.push(n));
        all
    }

    /// Its only element, of an array of one.
    pub(super) fn scalar(&self) -> Option<i64> {
        let one = self.len() == 1;
        one.then(|| self.list()[0])
    }

    /// The least and the largest of its whole numbers.
    pub(super) fn bounds(&self) -> (i64, i64) {
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        self.ints(|n| (least, most) = (least.min(n), most.max(n)));
        (least, most)
    }

    /// Whether each of its numbers is a count: whole and not negative.
    pub(super) fn are_counts(&self) -> bool {
        let mut all = true;
        if self.kind.is_float() {
            self.floats(|x| all &= whole(x).is_some_and(|n| n >= 0));
        } else {
            self.ints(|n| all &= n >= 0);
        }
        all
    }
}

/// Strides of Fortran's order.
pub(super) fn fortran_order(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for a in 1..shape.len() {
        strides[a] = strides[a - 1].saturating_mul(shape[a - 1].max(1));
    }
    strides
}

/// Strides of C order.
fn c_order(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for a in (1..shape.len()).rev() {
        strides[a - 1] = strides[a].saturating_mul(shape[a].max(1));
    }
    strides
}

/// A float that is a whole number.
pub(super) fn whole(x: f64) -> Option<i64> {
    let near = libm::round(x);
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 2^53")]
    let n = near as i64;
    (near == x && libm::fabs(x) < 9e15).then_some(n)
}

/// A float of 16 bits.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => libm::ldexp(fraction, -24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => libm::ldexp(1024.0 + fraction, exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// A number of elements or bytes that a file claims.
pub(super) fn size(n: u64) -> usize {
    if n > 1 << 40 { usize::MAX } else { index(n) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_bytes_and_axes_gives_the_same_numbers() {
        let numbers: Vec<i64> = (0..24).map(|n| n * 7 - 30).collect();
        let of = Tensor::of(&numbers, &[2, 3, 4]);
        assert_eq!(of.list(), numbers);
        let big: Vec<u8> = numbers.iter().flat_map(|&n| i16::try_from(n).unwrap().to_be_bytes()).collect();
        let big = Tensor::new((&Rc::new(big), 0), (Kind::I16, true), &[2, 3, 4], None).unwrap();
        assert_eq!(big.list(), numbers);
        // Fortran order is C order of the turned array, turned back.
        let turned = of.permuted(&[2, 1, 0]);
        let fortran = Tensor::of(&turned.list(), &[2, 3, 4]);
        let fortran = Tensor { strides: vec![1, 2, 6], ..fortran };
        assert_eq!(fortran.list(), numbers);
        assert_eq!(of.part(1).unwrap().part(2).unwrap().list(), numbers[20..]);
    }

    #[test]
    fn views_that_lead_out_of_their_bytes_are_refused() {
        let bytes = Rc::new(vec![0; 64]);
        let new = |shape: &[usize], strides: Option<&[usize]>| {
            Tensor::new((&bytes, 0), (Kind::I64, false), shape, strides).is_ok()
        };
        assert!(new(&[8], None) && new(&[0, 1 << 30], None) && new(&[2, 2], Some(&[1, 4])));
        assert!(!new(&[9], None) && !new(&[2, 2], Some(&[7, 1])) && !new(&[usize::MAX, 2], None));
        assert!(!new(&[2, 2], Some(&[usize::MAX, 1])) && !new(&[2], Some(&[])), "strides that wrap");
    }

    #[test]
    fn small_floats_are_read() {
        for (bits, value) in [(0x3c00, 1.0), (0xc000, -2.0), (0x3555, 0.333_251_953_125), (1, 5.960_464_477_539_063e-8)]
        {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7e00).is_nan() && half(0xfc00) == f64::NEG_INFINITY);
        assert_eq!((whole(3.0), whole(2.5), whole(f64::NAN)), (Some(3), None, None));
    }
}
