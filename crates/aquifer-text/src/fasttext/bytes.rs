//! Taking a model file apart: little-endian numbers, each read checked against what is left.

/// What is left of a file.
pub(super) struct Bytes<'a> {
    left: &'a [u8],
    length: usize,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Bytes { left: bytes, length: bytes.len() }
    }

    /// Bytes of the whole file.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    pub(super) fn left(&self) -> usize {
        self.left.len()
    }

    pub(super) fn take(&mut self, n: usize, what: &str) -> Result<&'a [u8], String> {
        let at = self.length - self.left.len();
        let (taken, left) = self.left.split_at_checked(n).ok_or_else(|| {
            format!("{what} should be {n} bytes at offset {at}, but the file ends after {}", self.left.len())
        })?;
        self.left = left;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], String> {
        Ok(self.take(N, what)?.try_into().expect("as many bytes as were asked for"))
    }

    pub(super) fn i32(&mut self, what: &str) -> Result<i32, String> {
        self.array(what).map(i32::from_le_bytes)
    }

    pub(super) fn i64(&mut self, what: &str) -> Result<i64, String> {
        self.array(what).map(i64::from_le_bytes)
    }

    pub(super) fn f64(&mut self, what: &str) -> Result<f64, String> {
        self.array(what).map(f64::from_le_bytes)
    }

    pub(super) fn flag(&mut self, what: &str) -> Result<bool, String> {
        self.array::<1>(what).map(|[byte]| byte != 0)
    }

    pub(super) fn f32s(&mut self, n: usize, what: &str) -> Result<Vec<f32>, String> {
        let bytes = n.checked_mul(4).ok_or_else(|| format!("{what} claims {n} numbers, more than any file holds"))?;
        let bytes = self.take(bytes, what)?;
        Ok(bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect())
    }

    /// Up to the next zero byte, which is left out.
    pub(super) fn word(&mut self, what: &str) -> Result<&'a [u8], String> {
        let end = self.left.iter().position(|&byte| byte == 0);
        let end = end.ok_or_else(|| format!("{what} has no end: the file is cut short"))?;
        let word = self.take(end, what)?;
        self.take(1, what)?;
        Ok(word)
    }

    /// A count or a size that was written as a signed number.
    pub(super) fn size(&mut self, what: &str) -> Result<usize, String> {
        let n = self.i64(what)?;
        usize::try_from(n).map_err(|_| format!("{what} is {n}"))
    }

    pub(super) fn small_size(&mut self, what: &str) -> Result<usize, String> {
        let n = self.i32(what)?;
        usize::try_from(n).map_err(|_| format!("{what} is {n}"))
    }
}
