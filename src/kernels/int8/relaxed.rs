//! Tiles by relaxed SIMD of WebAssembly, 16 products an instruction, where they are exact.
//!
//! `i32x4.relaxed_dot_i8x16_i7x16_add_s` multiplies bytes with numbers of 7 bits. What
//! it makes of an eighth bit is left to the engine, which does always the same
//! (WebAssembly specification 3.0, "Relaxed operations"). By AVX-VNNI the eighth bit is
//! one more of a number without sign, by AVX-VNNI-INT8 and NEON's dot products it is the
//! sign, and nothing saturates between: all that a tile needs. By older instructions
//! sums of two products saturate at 16 bits. So both readings are tried, and the one that
//! gives the sums of the definition is taken.
//!
//! An engine without the instruction refuses all of a module that has it anywhere.
//! Therefore the tile is a module of its own, of a few hundred bytes, which is written at
//! run time and called through the table of functions.

use std::sync::OnceLock;

use js_sys::{Function, Object, Reflect, Uint8Array, WebAssembly};
use wasm_bindgen::{JsCast, JsValue};
use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function as Code,
    FunctionSection, ImportSection, InstructionSink, MemArg, MemoryType, Module, TypeSection,
    ValType,
};

use super::packed::COLUMNS;
use super::tile::{ROWS, Sums, scalar};

/// Rows, bytes from one to the next and how many there are; words, and how many there
/// are of a column; what sums start at; sums.
type Tile = unsafe extern "C" fn(*const u8, usize, usize, *const u32, usize, *const i32, *mut i32);
const PARAMETERS: u32 = 7;

static TILE: OnceLock<Option<Tile>> = OnceLock::new();

/// Whether this engine has the instruction, and its sums are those of the definition.
pub(super) fn is_exact() -> bool {
    let linked = || {
        let readings = [Reading::Unsigned, Reading::Signed].into_iter();
        readings
            .filter_map(|reading| link(reading).ok())
            .find(is_right)
    };
    TILE.get_or_init(linked).is_some()
}

/// A tile; see [`Level::tile`](super::tile::Level::tile).
///
/// # Panics
///
/// Where the engine has none.
pub(super) fn tile(
    rows: &[u8],
    apart: usize,
    count: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    let tile = TILE.get().copied().flatten();
    let tile = tile.expect("a level that was found available");
    call(tile, rows, apart, count, words, start, sums);
}

fn call(
    tile: Tile,
    rows: &[u8],
    apart: usize,
    count: usize,
    words: &[[u32; COLUMNS]],
    start: &[i32; COLUMNS],
    sums: &mut Sums,
) {
    let (first, depth) = (words.as_ptr().cast(), words.len());
    let sums = sums.as_mut_ptr().cast();
    // SAFETY: `code` reads `count` rows of as many words as there are in `words`, which
    // `Level::tile` has found within `rows`, and writes as many rows of sums.
    unsafe {
        tile(
            rows.as_ptr(),
            apart,
            count,
            first,
            depth,
            start.as_ptr(),
            sums,
        )
    }
}

/// Whether the sums are those of the definition: of numbers in no order, and of the
/// largest there are.
fn is_right(tile: &Tile) -> bool {
    // More than a turn of the loop, and not a whole number of them.
    const DEPTH: usize = TURN * 4 + 3;
    let number = |i: usize| ((i * 7919 + i / 13 * 104_729) >> 3) as u8;
    let inputs: [fn(u8) -> u8; 2] = [|x| x, |x| if x < 9 { x } else { 255 }];
    let weights: [fn(u8) -> u8; 3] = [|w| w, |_| 127, |_| 0x80];
    let start: [i32; COLUMNS] = std::array::from_fn(|i| i as i32 * 1000 - 30_000);
    let apart = 4 * DEPTH + 4;
    inputs.iter().all(|input| {
        let rows: Vec<u8> = (0..ROWS * apart).map(|i| input(number(i))).collect();
        weights.iter().all(|weight| {
            let word = |i: usize| [0, 1, 2, 3].map(|k| weight(number(4 * i + k + 5)));
            let words: Vec<[u32; COLUMNS]> = (0..DEPTH)
                .map(|d| std::array::from_fn(|c| u32::from_le_bytes(word(d * COLUMNS + c))))
                .collect();
            (1..=ROWS).all(|count| {
                let mut expected = [[-1; COLUMNS]; ROWS];
                let mut found = expected;
                scalar(&rows, apart, count, &words, &start, &mut expected);
                call(*tile, &rows, apart, count, &words, &start, &mut found);
                found == expected
            })
        })
    })
}

/// What an engine makes of the eighth bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Unsigned,
    Signed,
}

/// Makes the tile a function of this module.
fn link(reading: Reading) -> Result<Tile, JsValue> {
    let module = WebAssembly::Module::new(&Uint8Array::from(&module(reading)[..]))?;
    let (imports, own) = (Object::new(), Object::new());
    Reflect::set(&own, &MEMORY.into(), &wasm_bindgen::memory())?;
    Reflect::set(&imports, &OWN.into(), &own)?;
    let instance = WebAssembly::Instance::new(&module, &imports)?;
    let exports = Reflect::get(&instance, &"exports".into())?;
    let tile: Function = Reflect::get(&exports, &NAME.into())?.dyn_into()?;
    let table: WebAssembly::Table = wasm_bindgen::function_table().dyn_into()?;
    let place = table.grow(1)?;
    table.set(place, &tile)?;
    // SAFETY: in WebAssembly the address of a function is its place in the table, and
    // this one has these parameters.
    Ok(unsafe { std::mem::transmute::<usize, Tile>(place as usize) })
}

/// Names within the module.
const OWN: &str = "delicate";
const MEMORY: &str = "memory";
const NAME: &str = "tile";

/// The module with the tile.
fn module(reading: Reading) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32; PARAMETERS as usize], []);
    let mut imports = ImportSection::new();
    let memory = MemoryType {
        minimum: 0,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    imports.import(OWN, MEMORY, EntityType::Memory(memory));
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut exports = ExportSection::new();
    exports.export(NAME, ExportKind::Func, 0);
    let mut codes = CodeSection::new();
    codes.function(&code(reading));
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&exports)
        .section(&codes);
    module.finish()
}

/// Vectors of four columns that are summed together: with [`ROWS`] rows, two leave
/// registers for what is multiplied.
const VECTORS: usize = 2;
/// Words of a row that a turn of the inner loop takes.
const TURN: usize = 4;

/// The function; its parameters are those of [`Tile`].
fn code(reading: Reading) -> Code {
    let [rows_at, apart, count, words_at, depth, start_at, sums_at] = [0, 1, 2, 3, 4, 5, 6];
    // Where each row is read, the words of these columns, what is left of them and of
    // the columns.
    let row = |row: usize| PARAMETERS + row as u32;
    let word = row(ROWS);
    let (left, columns) = (word + 1, word + 2);
    let total = |row: usize, i: usize| columns + 1 + (row * VECTORS + i) as u32;
    let weights = |i: usize| total(ROWS, i);
    let all_weights = |i: usize| total(ROWS + 1, i);
    let bytes = total(ROWS + 2, 0);
    let integers = columns + 1 - PARAMETERS;
    let vectors = bytes + 1 - (columns + 1);
    let mut code = Code::new([(integers, ValType::I32), (vectors, ValType::V128)]);
    let at = |offset: usize| MemArg {
        offset: offset as u64,
        align: 0,
        memory_index: 0,
    };
    let size_of_column = size_of::<i32>();
    let vector = |i: usize| 4 * size_of_column * i;
    let panel = size_of_column * COLUMNS;

    // As many words from where the rows and the columns are read.
    let step = |f: &mut InstructionSink<'_>, together: usize| {
        for k in 0..together {
            for i in 0..VECTORS {
                f.local_get(word).v128_load(at(panel * k + vector(i)));
                f.local_set(weights(i));
            }
            if reading == Reading::Signed {
                for i in 0..VECTORS {
                    f.local_get(weights(i)).v128_const(bytes_of(1));
                    f.local_get(all_weights(i));
                    f.i32x4_relaxed_dot_i8x16_i7x16_add_s();
                    f.local_set(all_weights(i));
                }
            }
            for r in 0..ROWS {
                f.local_get(row(r)).v128_load32_splat(at(4 * k));
                if reading == Reading::Signed {
                    f.v128_const(bytes_of(0x80)).v128_xor();
                }
                f.local_set(bytes);
                for i in 0..VECTORS {
                    f.local_get(weights(i)).local_get(bytes);
                    f.local_get(total(r, i));
                    f.i32x4_relaxed_dot_i8x16_i7x16_add_s();
                    f.local_set(total(r, i));
                }
            }
        }
        for r in 0..ROWS {
            add(f, row(r), 4 * together as i32);
        }
        add(f, word, (panel * together) as i32);
    };

    let mut f = code.instructions();
    f.i32_const((COLUMNS / (4 * VECTORS)) as i32);
    f.local_set(columns);
    f.loop_(BlockType::Empty);
    {
        f.local_get(rows_at).local_set(row(0));
        for r in 1..ROWS {
            // Those that are not there are the last one again.
            f.local_get(row(r - 1)).local_get(apart).i32_const(0);
            f.local_get(count).i32_const(r as i32).i32_gt_u();
            f.select().i32_add().local_set(row(r));
        }
        f.local_get(words_at).local_set(word);
        for i in 0..VECTORS {
            for r in 0..ROWS {
                f.local_get(start_at).v128_load(at(vector(i)));
                f.local_set(total(r, i));
            }
            if reading == Reading::Signed {
                f.v128_const(0).local_set(all_weights(i));
            }
        }
        for (turns, together) in [(true, TURN), (false, 1)] {
            f.local_get(depth);
            match turns {
                true => f.i32_const(TURN.ilog2() as i32).i32_shr_u(),
                false => f.i32_const(TURN as i32 - 1).i32_and(),
            };
            f.local_tee(left);
            f.if_(BlockType::Empty).loop_(BlockType::Empty);
            step(&mut f, together);
            f.local_get(left).i32_const(1).i32_sub().local_tee(left);
            f.br_if(0).end().end();
        }
        for r in 0..ROWS {
            f.local_get(count).i32_const(r as i32).i32_gt_u();
            f.if_(BlockType::Empty);
            for i in 0..VECTORS {
                f.local_get(sums_at).local_get(total(r, i));
                if reading == Reading::Signed {
                    // A byte is 128 more than what it was multiplied as.
                    f.local_get(all_weights(i)).i32_const(7).i32x4_shl();
                    f.i32x4_add();
                }
                f.v128_store(at(panel * r + vector(i)));
            }
            f.end();
        }
        for address in [words_at, start_at, sums_at] {
            add(&mut f, address, vector(VECTORS) as i32);
        }
        f.local_get(columns)
            .i32_const(1)
            .i32_sub()
            .local_tee(columns);
        f.br_if(0);
    }
    f.end().end();
    code
}

/// A vector of the same bytes.
fn bytes_of(byte: u8) -> i128 {
    i128::from_le_bytes([byte; 16])
}

fn add(f: &mut InstructionSink<'_>, local: u32, number: i32) {
    f.local_get(local).i32_const(number).i32_add();
    f.local_set(local);
}
