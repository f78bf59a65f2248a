//! A Parquet file, written from its beginning to its end: columns that have a value in every row,
//! plainly encoded, compressed with gzip, a page a column and group.
//!
//! By the format's public description (parquet-format 2.x, its Thrift definitions in the compact
//! protocol). Deliberately absent: reading, nested columns, nulls, dictionaries, statistics.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// What a file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";

/// The values of a column in a group of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// Whole numbers.
    Number(Vec<i64>),
    /// Moments in UTC, in seconds since 1970.
    Moment(Vec<i64>),
    /// Yes or no.
    Truth(Vec<bool>),
    /// Text.
    Text(Vec<String>),
}

/// Why a file cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParquetError {
    /// A number beyond 2^63.
    #[error("a number does not fit a column")]
    Number,
    /// Other columns than the groups before, or of different lengths.
    #[error("the columns of a group are not those of the file")]
    Columns,
    /// A page of more than 2 GB.
    #[error("a page is too large")]
    Large,
}

/// A file that is being written.
#[derive(Debug, Clone)]
pub struct Parquet {
    names: Vec<String>,
    /// The kinds of the columns, once a group has said them.
    kinds: Vec<Kind>,
    groups: Vec<Group>,
    /// Bytes written.
    offset: i64,
}

#[derive(Debug, Clone)]
struct Group {
    rows: i64,
    chunks: Vec<Chunk>,
}

#[derive(Debug, Clone, Copy)]
struct Chunk {
    offset: i64,
    plain: i64,
    packed: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Moment,
    Truth,
    Text,
}

impl Kind {
    /// The physical type's number.
    const fn physical(self) -> i64 {
        match self {
            Kind::Truth => 0,
            Kind::Number | Kind::Moment => 2,
            Kind::Text => 6,
        }
    }

    /// The converted type's number: UTF8, TIMESTAMP_MILLIS.
    const fn converted(self) -> Option<i64> {
        match self {
            Kind::Text => Some(0),
            Kind::Moment => Some(9),
            Kind::Number | Kind::Truth => None,
        }
    }
}

impl Column {
    const fn kind(&self) -> Kind {
        match self {
            Column::Number(_) => Kind::Number,
            Column::Moment(_) => Kind::Moment,
            Column::Truth(_) => Kind::Truth,
            Column::Text(_) => Kind::Text,
        }
    }

    const fn len(&self) -> usize {
        match self {
            Column::Number(values) | Column::Moment(values) => values.len(),
            Column::Truth(values) => values.len(),
            Column::Text(values) => values.len(),
        }
    }

    /// The values in the encoding PLAIN.
    fn plain(&self) -> Result<Vec<u8>, ParquetError> {
        let mut bytes = Vec::new();
        match self {
            Column::Number(values) => {
                values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
            }
            Column::Moment(values) => {
                for value in values {
                    let millis = value.checked_mul(1000).ok_or(ParquetError::Number)?;
                    bytes.extend_from_slice(&millis.to_le_bytes());
                }
            }
            Column::Truth(values) => bytes.extend(values.chunks(8).map(|eight| {
                let bits = eight.iter().enumerate();
                bits.fold(0_u8, |byte, (place, bit)| byte | u8::from(*bit) << place)
            })),
            Column::Text(values) => {
                for value in values {
                    let length = u32::try_from(value.len()).map_err(|_| ParquetError::Large)?;
                    bytes.extend_from_slice(&length.to_le_bytes());
                    bytes.extend_from_slice(value.as_bytes());
                }
            }
        }
        Ok(bytes)
    }
}

impl Parquet {
    /// A file with these columns, and its first bytes.
    pub fn begin(names: &[&str]) -> (Parquet, Vec<u8>) {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let file = Parquet { names, kinds: Vec::new(), groups: Vec::new(), offset: 4 };
        (file, MAGIC.to_vec())
    }

    /// The bytes of the next rows.
    ///
    /// # Errors
    /// For columns that are not as many, as long or of the kinds as they must be.
    pub fn group(&mut self, columns: &[Column]) -> Result<Vec<u8>, ParquetError> {
        let kinds: Vec<Kind> = columns.iter().map(Column::kind).collect();
        let rows = columns.first().map_or(0, Column::len);
        let known = self.kinds.is_empty() || self.kinds == kinds;
        let whole = columns.len() == self.names.len() && columns.iter().all(|c| c.len() == rows);
        if !known || !whole {
            return Err(ParquetError::Columns);
        }
        self.kinds = kinds;
        let count = i64::try_from(rows).map_err(|_| ParquetError::Large)?;
        let (mut bytes, mut chunks) = (Vec::new(), Vec::new());
        for column in columns {
            let plain = column.plain()?;
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            let packed = packer.write_all(&plain).and_then(|()| packer.finish());
            let packed = packed.expect("memory takes what is written to it");
            let size = |bytes: &[u8]| {
                i32::try_from(bytes.len()).map(i64::from).map_err(|_| ParquetError::Large)
            };
            let head = page_header(count, size(&plain)?, size(&packed)?);
            let chunk = Chunk {
                offset: self.offset + size(&bytes)?,
                plain: size(&head)? + size(&plain)?,
                packed: size(&head)? + size(&packed)?,
            };
            bytes.extend_from_slice(&head);
            bytes.extend_from_slice(&packed);
            chunks.push(chunk);
        }
        self.offset += i64::try_from(bytes.len()).map_err(|_| ParquetError::Large)?;
        self.groups.push(Group { rows: count, chunks });
        Ok(bytes)
    }

    /// Whether a group has said what the columns are.
    pub fn has_columns(&self) -> bool {
        !self.kinds.is_empty()
    }

    /// The last bytes: what the columns are, and where.
    ///
    /// # Errors
    /// When there are too many groups.
    pub fn end(self) -> Result<Vec<u8>, ParquetError> {
        let mut bytes = self.metadata();
        let length = u32::try_from(bytes.len()).map_err(|_| ParquetError::Large)?;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(MAGIC);
        Ok(bytes)
    }

    fn metadata(&self) -> Vec<u8> {
        let mut file = Struct::default();
        file.number(1, 1);
        let kinds = self.kinds.iter().copied().chain(std::iter::repeat(Kind::Text));
        let mut schema = Struct::default();
        schema.text(4, "journal");
        schema.number(5, i64::try_from(self.names.len()).unwrap_or(i64::MAX));
        let mut elements = vec![schema.end()];
        for (name, kind) in self.names.iter().zip(kinds.clone()) {
            let mut element = Struct::default();
            element.number(1, kind.physical());
            element.number(3, 0);
            element.text(4, name);
            if let Some(converted) = kind.converted() {
                element.number(6, converted);
            }
            elements.push(element.end());
        }
        file.list(2, STRUCT, elements);
        file.long(3, self.groups.iter().map(|group| group.rows).sum());
        let groups = self.groups.iter().map(|group| {
            let chunks = group.chunks.iter().zip(&self.names).zip(kinds.clone());
            let chunks =
                chunks.map(|((chunk, name), kind)| chunk.described(name, kind, group.rows));
            let mut described = Struct::default();
            described.list(1, STRUCT, chunks.collect());
            described.long(2, group.chunks.iter().map(|chunk| chunk.plain).sum());
            described.long(3, group.rows);
            described.end()
        });
        file.list(4, STRUCT, groups.collect());
        file.text(6, concat!("wattex ", env!("CARGO_PKG_VERSION")));
        file.end()
    }
}

impl Chunk {
    fn described(self, name: &str, kind: Kind, rows: i64) -> Vec<u8> {
        let mut column = Struct::default();
        column.number(1, kind.physical());
        // PLAIN, and RLE for levels that there are none of.
        column.list(2, I32, vec![varint(zigzag(0)), varint(zigzag(3))]);
        column.list(3, BINARY, vec![binary(name)]);
        column.number(4, 2);
        column.long(5, rows);
        column.long(6, self.plain);
        column.long(7, self.packed);
        column.long(9, self.offset);
        let mut chunk = Struct::default();
        chunk.long(2, self.offset);
        chunk.inner(3, column);
        chunk.end()
    }
}

fn page_header(rows: i64, plain: i64, packed: i64) -> Vec<u8> {
    let mut data = Struct::default();
    data.number(1, rows);
    data.number(2, 0);
    data.number(3, 3);
    data.number(4, 3);
    let mut page = Struct::default();
    page.number(1, 0);
    page.number(2, plain);
    page.number(3, packed);
    page.inner(5, data);
    page.end()
}

// Thrift's compact protocol: types of fields.
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// A structure that is being written; fields rise.
#[derive(Default)]
struct Struct {
    bytes: Vec<u8>,
    last: u8,
}

impl Struct {
    fn field(&mut self, id: u8, kind: u8) {
        self.bytes.push((id - self.last) << 4 | kind);
        self.last = id;
    }

    fn number(&mut self, id: u8, value: i64) {
        self.field(id, I32);
        self.bytes.extend(varint(zigzag(value)));
    }

    fn long(&mut self, id: u8, value: i64) {
        self.field(id, I64);
        self.bytes.extend(varint(zigzag(value)));
    }

    fn text(&mut self, id: u8, value: &str) {
        self.field(id, BINARY);
        self.bytes.extend(binary(value));
    }

    fn inner(&mut self, id: u8, value: Struct) {
        self.field(id, STRUCT);
        self.bytes.extend(value.end());
    }

    fn list(&mut self, id: u8, kind: u8, values: Vec<Vec<u8>>) {
        self.field(id, LIST);
        match u8::try_from(values.len()) {
            Ok(short) if short < 15 => self.bytes.push(short << 4 | kind),
            _ => {
                self.bytes.push(0xf0 | kind);
                self.bytes.extend(varint(values.len() as u64));
            }
        }
        self.bytes.extend(values.concat());
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

fn binary(text: &str) -> Vec<u8> {
    let mut bytes = varint(text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            bytes.push(low & 0x7f);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
