//! A model as bytes, to be stored and loaded elsewhere.
//!
//! All numbers are little-endian. `"MARQUEEC"`, the version (u32), the XXH3 checksum of what
//! follows (u64); then the recipe as JSON after its length (u64), the number of items (u64), for
//! each part its kind (u8) and its numbers, and last the lists of what was head together and how
//! often each item was head (f32). Lists
//! are the length of each row (u32), all targets (u32) and all weights (f32); a whole matrix is the
//! number of its items (u64), the items (u32), the unit of each row (f32) and the halves (u16).

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use super::super::fold_in::FoldIn;
use super::super::half_matrix::HalfMatrix;
use super::super::item_lists::Neighbours;
use super::super::item_weights::{DenseWeights, ItemWeights};
use super::super::kernel::LANES;
use super::super::matrix::Matrix;
use super::super::spectral::Spectral;
use super::{Kind, Model, Recipe, Trained};

const MAGIC: &[u8; 8] = b"MARQUEEC";
const VERSION: u32 = 2;
const HEAD: usize = 8 + 4 + 8;

/// Why bytes are no model.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum BytesError {
    /// They do not begin as a model does.
    #[error("these bytes are not a collaborative model")]
    NotAModel,
    /// A newer or older program has written them.
    #[error("the model has format {0}, but this program reads format 2; train it again")]
    Version(u32),
    /// They are cut off or changed.
    #[error("the model is damaged; train it again")]
    Damaged,
}

impl Model {
    /// The model as bytes: 4 for each number of an item's vector, 8 for each neighbour.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![0; HEAD];
        let recipe =
            serde_json::to_vec(&self.recipe).expect("a recipe has no maps and writes no file");
        out.extend((recipe.len() as u64).to_le_bytes());
        out.extend(recipe);
        out.extend((self.items as u64).to_le_bytes());
        for part in &self.parts {
            match part {
                Trained::Factors(fold_in) => {
                    let vectors = fold_in.vectors();
                    out.push(0);
                    out.extend((vectors.columns() as u64).to_le_bytes());
                    put_floats(vectors.values(), &mut out);
                }
                Trained::Linear(_, ItemWeights::Lists(lists)) => {
                    out.push(1);
                    put_lists(lists, &mut out);
                }
                Trained::Linear(_, ItemWeights::Dense(dense)) => {
                    out.push(3);
                    put_dense(dense, &mut out);
                }
                Trained::Spectral(_, filters) => {
                    out.push(4);
                    put_lists(filters.linear(), &mut out);
                    out.extend((filters.vectors().columns() as u64).to_le_bytes());
                    put_floats(filters.vectors().values(), &mut out);
                    put_floats(filters.roots(), &mut out);
                }
                Trained::Popular(counts) => {
                    out.push(2);
                    put_floats(counts, &mut out);
                }
            }
        }
        put_lists(&self.together, &mut out);
        put_floats(&self.popular, &mut out);
        let checksum = xxh3_64(&out[HEAD..]);
        out[..8].copy_from_slice(MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..HEAD].copy_from_slice(&checksum.to_le_bytes());
        out
    }

    /// The model that [`Model::to_bytes`] has written.
    ///
    /// # Errors
    /// [`BytesError`], whatever the bytes are.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BytesError> {
        let (head, body) = bytes.split_at_checked(HEAD).ok_or(BytesError::NotAModel)?;
        let mut head = Reader(head);
        if head.take(MAGIC.len())? != MAGIC {
            return Err(BytesError::NotAModel);
        }
        let version = u32::from_le_bytes(head.array()?);
        if version != VERSION {
            return Err(BytesError::Version(version));
        }
        if u64::from_le_bytes(head.array()?) != xxh3_64(body) {
            return Err(BytesError::Damaged);
        }
        // From here on the bytes are what somebody has written, but perhaps not we.
        let mut body = Reader(body);
        let length = body.size()?;
        let recipe: Recipe =
            serde_json::from_slice(body.take(length)?).map_err(|_| BytesError::Damaged)?;
        recipe.check().map_err(|_| BytesError::Damaged)?;
        let items = body.size()?;
        let mut parts = Vec::with_capacity(recipe.parts.len());
        for part in &recipe.parts {
            let [kind] = body.array()?;
            parts.push(match (&part.kind, kind) {
                (Kind::Spectral(settings), 4) => {
                    let linear = body.lists(items)?;
                    let vectors = body.matrix(items)?;
                    let filters = Spectral::new(linear, vectors, body.floats(items)?, settings);
                    Trained::Spectral(part.kind.input(), filters)
                }
                (Kind::Ials(settings), 0) => {
                    let vectors = body.matrix(items)?;
                    let fold_in =
                        FoldIn::new(&vectors, settings).map_err(|_| BytesError::Damaged)?;
                    Trained::Factors(fold_in)
                }
                (Kind::Ease(_) | Kind::Slim(_) | Kind::Graph(_) | Kind::Sequential(_), 1) => {
                    let lists = ItemWeights::Lists(body.lists(items)?);
                    Trained::Linear(part.kind.input(), lists)
                }
                (Kind::Ease(_) | Kind::Sequential(_), 3) => {
                    let dense = ItemWeights::Dense(body.dense(items)?);
                    Trained::Linear(part.kind.input(), dense)
                }
                (Kind::Popular, 2) => Trained::Popular(body.floats(items)?),
                _ => return Err(BytesError::Damaged),
            });
        }
        let together = body.lists(items)?;
        let popular = body.floats(items)?;
        if !body.0.is_empty() {
            return Err(BytesError::Damaged);
        }
        Ok(Self {
            recipe,
            items,
            parts,
            together,
            popular,
        })
    }
}

fn put_floats(values: &[f32], out: &mut Vec<u8>) {
    out.reserve(values.len() * 4);
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn put_lists(lists: &Neighbours, out: &mut Vec<u8>) {
    let rows = || (0_u32..).take(lists.items()).map(|item| lists.row(item));
    for (targets, _) in rows() {
        out.extend((targets.len() as u32).to_le_bytes());
    }
    for (targets, _) in rows() {
        out.extend(targets.iter().flat_map(|target| target.to_le_bytes()));
    }
    for (_, weights) in rows() {
        put_floats(weights, out);
    }
}

fn put_dense(dense: &DenseWeights, out: &mut Vec<u8>) {
    out.extend((dense.head().len() as u64).to_le_bytes());
    out.extend(dense.head().iter().flat_map(|item| item.to_le_bytes()));
    put_floats(dense.weights().units(), out);
    let bits = dense.weights().bits();
    out.reserve(bits.len() * 2);
    out.extend(bits.iter().flat_map(|half| half.to_le_bytes()));
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], BytesError> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(BytesError::Damaged)?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BytesError> {
        self.take(N)?.try_into().map_err(|_| BytesError::Damaged)
    }

    fn size(&mut self) -> Result<usize, BytesError> {
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| BytesError::Damaged)
    }

    fn words(&mut self, count: usize) -> Result<impl Iterator<Item = [u8; 4]> + 'a, BytesError> {
        let bytes = self.take(count.checked_mul(4).ok_or(BytesError::Damaged)?)?;
        Ok(bytes.as_chunks::<4>().0.iter().copied())
    }

    fn floats(&mut self, count: usize) -> Result<Vec<f32>, BytesError> {
        let values: Vec<f32> = self.words(count)?.map(f32::from_le_bytes).collect();
        let finite = values.iter().all(|value| value.is_finite());
        finite.then_some(values).ok_or(BytesError::Damaged)
    }

    /// The number of columns, and then so many numbers for each row.
    fn matrix(&mut self, rows: usize) -> Result<Matrix, BytesError> {
        let columns = self.size()?;
        let count = rows.checked_mul(columns).ok_or(BytesError::Damaged)?;
        let values = self.floats(count)?;
        Matrix::from_values(rows, columns, values).map_err(|_| BytesError::Damaged)
    }

    fn dense(&mut self, items: usize) -> Result<DenseWeights, BytesError> {
        let count = self.size()?;
        let head: Vec<u32> = self.words(count)?.map(u32::from_le_bytes).collect();
        let known = head.last().is_none_or(|last| (*last as usize) < items);
        let units = self.floats(count)?;
        let row = count.next_multiple_of(LANES) * 2;
        let bits = self.take(count.checked_mul(row).ok_or(BytesError::Damaged)?)?;
        let bits = bits.as_chunks::<2>().0.iter().copied();
        HalfMatrix::from_parts(count, units, bits.map(u16::from_le_bytes).collect())
            .filter(|_| known)
            .and_then(|weights| DenseWeights::new(head, weights))
            .ok_or(BytesError::Damaged)
    }

    fn lists(&mut self, items: usize) -> Result<Neighbours, BytesError> {
        let lengths: Vec<u32> = self.words(items)?.map(u32::from_le_bytes).collect();
        let count = lengths.iter().map(|length| u64::from(*length)).sum::<u64>();
        let count = usize::try_from(count).map_err(|_| BytesError::Damaged)?;
        let targets: Vec<u32> = self.words(count)?.map(u32::from_le_bytes).collect();
        let weights = self.floats(count)?;
        Neighbours::from_lists(&lengths, targets, weights).ok_or(BytesError::Damaged)
    }
}
