//! Columns to and from every library that speaks Arrow's C data interface
//! (<https://arrow.apache.org/docs/format/CDataInterface.html>), without a copy.
//!
//! All that is unsafe in this crate is here, but for one number of the allocator.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use delicate::records::{Column, Values};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods, PyTuple};

/// Columns of one length.
pub(crate) struct Columns {
    pub(crate) rows: usize,
    pub(crate) columns: Vec<Column>,
}

/// `struct ArrowSchema`: the type of an array.
#[repr(C)]
pub(crate) struct Schema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut Schema,
    dictionary: *mut Schema,
    release: Option<unsafe extern "C" fn(*mut Schema)>,
    private_data: *mut c_void,
}

/// `struct ArrowArray`: the buffers of an array.
#[repr(C)]
pub(crate) struct Array {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut Array,
    dictionary: *mut Array,
    release: Option<unsafe extern "C" fn(*mut Array)>,
    private_data: *mut c_void,
}

/// `struct ArrowArrayStream`: arrays of one type, one after the other.
#[repr(C)]
pub(crate) struct Stream {
    get_schema: Option<unsafe extern "C" fn(*mut Stream, *mut Schema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut Stream, *mut Array) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut Stream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut Stream)>,
    private_data: *mut c_void,
}

const NULLABLE: i64 = 2;

// SAFETY: a structure is its owner's alone, and its interface asks of producers that
// it may be released by any thread.
unsafe impl Send for Schema {}
// SAFETY: as above.
unsafe impl Send for Array {}
// SAFETY: as above.
unsafe impl Send for Stream {}
// SAFETY: what an array points to is not written to once it is handed out.
unsafe impl Sync for Array {}

impl Schema {
    /// A released one.
    const fn empty() -> Self {
        Self {
            format: ptr::null(),
            name: ptr::null(),
            metadata: ptr::null(),
            flags: 0,
            n_children: 0,
            children: ptr::null_mut(),
            dictionary: ptr::null_mut(),
            release: None,
            private_data: ptr::null_mut(),
        }
    }

    fn format(&self) -> &str {
        if self.format.is_null() {
            return "";
        }
        // SAFETY: a format ends in a zero and lives as long as its schema.
        unsafe { CStr::from_ptr(self.format) }
            .to_str()
            .unwrap_or_default()
    }
}

impl Array {
    /// A released one.
    const fn empty() -> Self {
        Self {
            length: 0,
            null_count: 0,
            offset: 0,
            n_buffers: 0,
            n_children: 0,
            buffers: ptr::null_mut(),
            children: ptr::null_mut(),
            dictionary: ptr::null_mut(),
            release: None,
            private_data: ptr::null_mut(),
        }
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: whoever made it gave this function for it, and it was not called.
            unsafe { release(self) };
        }
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: as above.
            unsafe { release(self) };
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: as above.
            unsafe { release(self) };
        }
    }
}

// ---------------------------------------------------------------- out

/// What a schema of ours points to.
struct OwnSchema {
    _format: CString,
    _name: CString,
    _metadata: Option<Vec<u8>>,
    children: Vec<*mut Schema>,
}

/// What an array of ours points to.
struct OwnArray {
    _columns: Arc<Columns>,
    buffers: Vec<*const c_void>,
    children: Vec<*mut Array>,
}

unsafe extern "C" fn release_schema(schema: *mut Schema) {
    // SAFETY: called once, by whoever holds the schema, which `own_schema` made.
    unsafe {
        let own = Box::from_raw((*schema).private_data.cast::<OwnSchema>());
        for &child in &own.children {
            drop(Box::from_raw(child));
        }
        (*schema).release = None;
    }
}

unsafe extern "C" fn release_array(array: *mut Array) {
    // SAFETY: called once, by whoever holds the array, which `own_array` made.
    unsafe {
        let own = Box::from_raw((*array).private_data.cast::<OwnArray>());
        for &child in &own.children {
            drop(Box::from_raw(child));
        }
        (*array).release = None;
    }
}

fn own_schema(name: &str, format: &str, unit: &str, flags: i64, children: Vec<Schema>) -> Schema {
    // A name has no zero: it would end there.
    let text = |text: &str| CString::new(text.replace('\0', "")).unwrap_or_default();
    let metadata = (!unit.is_empty()).then(|| {
        let mut bytes = 1_i32.to_ne_bytes().to_vec();
        for part in ["unit", unit] {
            bytes.extend((part.len() as i32).to_ne_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes
    });
    let children = children.into_iter().map(|it| Box::into_raw(Box::new(it)));
    let mut own = Box::new(OwnSchema {
        _format: text(format),
        _name: text(name),
        _metadata: metadata,
        children: children.collect(),
    });
    Schema {
        format: own._format.as_ptr(),
        name: own._name.as_ptr(),
        metadata: own
            ._metadata
            .as_ref()
            .map_or(ptr::null(), |m| m.as_ptr().cast()),
        flags,
        n_children: own.children.len() as i64,
        children: own.children.as_mut_ptr(),
        dictionary: ptr::null_mut(),
        release: Some(release_schema),
        private_data: Box::into_raw(own).cast(),
    }
}

fn own_array(
    columns: &Arc<Columns>,
    length: usize,
    missing: usize,
    buffers: Vec<*const c_void>,
    children: Vec<Array>,
) -> Array {
    let children = children.into_iter().map(|it| Box::into_raw(Box::new(it)));
    let mut own = Box::new(OwnArray {
        _columns: Arc::clone(columns),
        buffers,
        children: children.collect(),
    });
    Array {
        length: length as i64,
        null_count: missing as i64,
        offset: 0,
        n_buffers: own.buffers.len() as i64,
        n_children: own.children.len() as i64,
        buffers: own.buffers.as_mut_ptr(),
        children: own.children.as_mut_ptr(),
        dictionary: ptr::null_mut(),
        release: Some(release_array),
        private_data: Box::into_raw(own).cast(),
    }
}

/// The type of a row: a structure of the columns.
fn schema_of(columns: &Columns) -> Schema {
    let one = |column: &Column| {
        let of = |format: &str, children| {
            own_schema(&column.name, format, &column.unit, NULLABLE, children)
        };
        match &column.values {
            Values::Single(_) => of("f", Vec::new()),
            Values::Double(_) => of("g", Vec::new()),
            Values::Whole(_) => of("l", Vec::new()),
            Values::Vectors { width, .. } => {
                let item = own_schema("item", "f", "", NULLABLE, Vec::new());
                of(&format!("+w:{width}"), vec![item])
            }
            Values::Text { .. } => of("U", Vec::new()),
            // The library may learn of others, which then are to be added here.
            _ => of("n", Vec::new()),
        }
    };
    own_schema("", "+s", "", 0, columns.columns.iter().map(one).collect())
}

/// The rows, as one structure whose buffers are those of the columns.
fn array_of(columns: &Arc<Columns>) -> Array {
    let one = |column: &Column| {
        let validity: *const c_void = match column.missing {
            0 => ptr::null(),
            _ => column.validity.as_ptr().cast(),
        };
        let of =
            |buffers, children| own_array(columns, columns.rows, column.missing, buffers, children);
        match &column.values {
            Values::Single(values) => of(vec![validity, values.as_ptr().cast()], Vec::new()),
            Values::Double(values) => of(vec![validity, values.as_ptr().cast()], Vec::new()),
            Values::Whole(values) => of(vec![validity, values.as_ptr().cast()], Vec::new()),
            Values::Vectors { values, .. } => {
                let buffers = vec![ptr::null(), values.as_ptr().cast()];
                let items = own_array(columns, values.len(), 0, buffers, Vec::new());
                of(vec![validity], vec![items])
            }
            Values::Text { offsets, text } => {
                let buffers = vec![validity, offsets.as_ptr().cast(), text.as_ptr().cast()];
                of(buffers, Vec::new())
            }
            _ => own_array(columns, columns.rows, columns.rows, Vec::new(), Vec::new()),
        }
    };
    let children = columns.columns.iter().map(one).collect();
    own_array(columns, columns.rows, 0, vec![ptr::null()], children)
}

/// What a stream of ours gives.
struct OwnStream {
    columns: Arc<Columns>,
    given: bool,
}

unsafe extern "C" fn stream_schema(stream: *mut Stream, out: *mut Schema) -> c_int {
    // SAFETY: the caller holds the stream, which `stream` made, and owns what `out`
    // points to, in which there is nothing to drop.
    unsafe {
        let own = &*(*stream).private_data.cast::<OwnStream>();
        ptr::write(out, schema_of(&own.columns));
    }
    0
}

unsafe extern "C" fn stream_next(stream: *mut Stream, out: *mut Array) -> c_int {
    // SAFETY: as above.
    unsafe {
        let own = &mut *(*stream).private_data.cast::<OwnStream>();
        let next = match own.given {
            true => Array::empty(),
            false => array_of(&own.columns),
        };
        own.given = true;
        ptr::write(out, next);
    }
    0
}

unsafe extern "C" fn stream_error(_: *mut Stream) -> *const c_char {
    // It never fails.
    ptr::null()
}

unsafe extern "C" fn release_stream(stream: *mut Stream) {
    // SAFETY: called once, by whoever holds the stream, which `stream` made.
    unsafe {
        drop(Box::from_raw((*stream).private_data.cast::<OwnStream>()));
        (*stream).release = None;
    }
}

/// A capsule with the type of the rows.
pub(crate) fn schema<'py>(py: Python<'py>, columns: &Columns) -> PyResult<Bound<'py, PyCapsule>> {
    PyCapsule::new_with_value(py, schema_of(columns), c"arrow_schema")
}

/// A capsule with a stream of the rows.
pub(crate) fn stream<'py>(
    py: Python<'py>,
    columns: &Arc<Columns>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let own = Box::new(OwnStream {
        columns: Arc::clone(columns),
        given: false,
    });
    let stream = Stream {
        get_schema: Some(stream_schema),
        get_next: Some(stream_next),
        get_last_error: Some(stream_error),
        release: Some(release_stream),
        private_data: Box::into_raw(own).cast(),
    };
    PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
}

// ---------------------------------------------------------------- in

/// Of what is a table and not a column.
pub(crate) const TABLE: &str =
    "a table is no column of SMILES: pass one column of it, such as table[\"smiles\"]";

/// The name of a type, by its format; of what has parameters, without them.
fn type_name(format: &str) -> &str {
    match format {
        "b" => "bool",
        "c" => "int8",
        "C" => "uint8",
        "s" => "int16",
        "S" => "uint16",
        "i" => "int32",
        "I" => "uint32",
        "l" => "int64",
        "L" => "uint64",
        "e" => "float16",
        "f" => "float32",
        "g" => "float64",
        "z" => "binary",
        "Z" => "large_binary",
        "vz" => "binary_view",
        "tdD" => "date32",
        "tdm" => "date64",
        _ if format.starts_with("ts") => "timestamp",
        _ if format.starts_with("tt") => "time",
        _ if format.starts_with("tD") => "duration",
        _ if format.starts_with("ti") => "interval",
        _ if format.starts_with("d:") => "decimal",
        _ if format.starts_with("w:") => "fixed_size_binary",
        "+l" | "+L" | "+vl" | "+vL" => "list",
        _ if format.starts_with("+w:") => "fixed_size_list",
        "+s" => "struct",
        "+m" => "map",
        "+r" => "run_end_encoded",
        _ if format.starts_with("+u") => "union",
        other => other,
    }
}

/// How text lies in an array.
#[derive(Clone, Copy)]
enum Layout {
    /// Offsets of 32 bits.
    Small,
    /// Offsets of 64 bits.
    Large,
    /// Views of 16 bytes.
    View,
    /// Nothing but missing values.
    Null,
}

impl Layout {
    fn of(format: &str) -> Option<Self> {
        match format {
            "u" => Some(Self::Small),
            "U" => Some(Self::Large),
            "vu" => Some(Self::View),
            "n" => Some(Self::Null),
            _ => None,
        }
    }
}

/// How the places of values in a dictionary are written.
#[derive(Clone, Copy)]
struct Keys {
    bytes: usize,
    signed: bool,
}

impl Keys {
    fn of(format: &str) -> Option<Self> {
        let (bytes, signed) = match format {
            "c" => (1, true),
            "C" => (1, false),
            "s" => (2, true),
            "S" => (2, false),
            "i" => (4, true),
            "I" => (4, false),
            "l" => (8, true),
            "L" => (8, false),
            _ => return None,
        };
        Some(Self { bytes, signed })
    }
}

/// A column of text that another library holds.
pub(crate) struct Texts {
    layout: Layout,
    keys: Option<Keys>,
    arrays: Vec<Array>,
    /// The row at which each array begins.
    starts: Vec<usize>,
    rows: usize,
}

impl Texts {
    fn new(schema: &Schema, arrays: Vec<Array>) -> PyResult<Self> {
        let format = schema.format();
        // SAFETY: a dictionary that is there lives as long as its schema.
        let values = unsafe { schema.dictionary.as_ref() };
        let (layout, keys) = match values {
            Some(values) => (Layout::of(values.format()), Keys::of(format)),
            None => (Layout::of(format), None),
        };
        let Some(layout) = layout.filter(|_| values.is_none() || keys.is_some()) else {
            let format = values.map_or(format, Schema::format);
            return Err(PyTypeError::new_err(match format {
                "+s" => TABLE.to_owned(),
                format => format!(
                    "a column of SMILES is text; this one has the Arrow type `{}`",
                    type_name(format)
                ),
            }));
        };
        let mut starts = Vec::with_capacity(arrays.len());
        let mut rows = 0;
        for array in &arrays {
            starts.push(rows);
            rows += usize::try_from(array.length).unwrap_or(0);
        }
        Ok(Self {
            layout,
            keys,
            arrays,
            starts,
            rows,
        })
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The text of a row; `None` where it is missing. What is no UTF-8 is an error
    /// of its row.
    pub(crate) fn get(&self, row: usize) -> Option<Result<&str, std::str::Utf8Error>> {
        if row >= self.rows {
            return None;
        }
        let at = self.starts.partition_point(|&start| start <= row) - 1;
        let array = &self.arrays[at];
        let row = row - self.starts[at];
        // SAFETY: the row is one of the array's, and the producer's buffers are as the
        // format says that was checked.
        let bytes = unsafe {
            let place = row + array.offset as usize;
            match self.keys {
                None => text(array, self.layout, place),
                Some(keys) if is_valid(array, place) => {
                    let key = key(array, keys, place)?;
                    let values = array.dictionary.as_ref()?;
                    if key >= values.length as usize {
                        return None;
                    }
                    text(values, self.layout, key + values.offset as usize)
                }
                Some(_) => None,
            }
        };
        bytes.map(std::str::from_utf8)
    }
}

/// A buffer of an array.
///
/// # Safety
///
/// The array must have so many.
unsafe fn buffer(array: &Array, number: usize) -> *const u8 {
    // SAFETY: the caller's.
    unsafe { (*array.buffers.add(number)).cast() }
}

/// # Safety
///
/// `place` must be one of the array, its offset included.
unsafe fn is_valid(array: &Array, place: usize) -> bool {
    // SAFETY: the first buffer has a bit for each place, where there is one.
    unsafe {
        let bits = buffer(array, 0);
        bits.is_null() || *bits.add(place / 8) >> (place % 8) & 1 == 1
    }
}

/// The place of a value in the dictionary.
///
/// # Safety
///
/// As [`is_valid`]'s, of an array of such keys.
unsafe fn key(array: &Array, keys: Keys, place: usize) -> Option<usize> {
    let mut bytes = [0_u8; 8];
    // SAFETY: the second buffer has so many bytes for each place.
    unsafe {
        let from = buffer(array, 1).add(place * keys.bytes);
        ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), keys.bytes);
    }
    // On every platform of ours the lowest byte comes first.
    let key = u64::from_le_bytes(bytes);
    let negative = keys.signed && bytes[keys.bytes - 1] >= 0x80;
    usize::try_from(key).ok().filter(|_| !negative)
}

/// The text at a place, as bytes; `None` where it is missing.
///
/// # Safety
///
/// `place` must be one of an array of this layout, its offset included.
unsafe fn text(array: &Array, layout: Layout, place: usize) -> Option<&[u8]> {
    // SAFETY: the interface says where text lies in each layout; offsets and views
    // need not be aligned in every producer's memory.
    unsafe {
        if matches!(layout, Layout::Null) || !is_valid(array, place) {
            return None;
        }
        let (start, length): (*const u8, usize) = match layout {
            Layout::Null => return None,
            Layout::Small => {
                let offsets = buffer(array, 1).cast::<i32>();
                let from = offsets.add(place).read_unaligned() as usize;
                let to = offsets.add(place + 1).read_unaligned() as usize;
                (buffer(array, 2).wrapping_add(from), to - from)
            }
            Layout::Large => {
                let offsets = buffer(array, 1).cast::<i64>();
                let from = offsets.add(place).read_unaligned() as usize;
                let to = offsets.add(place + 1).read_unaligned() as usize;
                (buffer(array, 2).wrapping_add(from), to - from)
            }
            Layout::View => {
                let view = buffer(array, 1).add(16 * place);
                let number = |at: usize| view.add(at).cast::<i32>().read_unaligned() as usize;
                match number(0) {
                    // What is short stands in the view itself.
                    length @ 0..=12 => (view.add(4), length),
                    length => (buffer(array, 2 + number(8)).add(number(12)), length),
                }
            }
        };
        // An empty column may have no buffer for its text.
        match length {
            0 => Some(&[]),
            _ => Some(std::slice::from_raw_parts(start, length)),
        }
    }
}

/// The column that `object` hands out, if it can.
///
/// # Errors
///
/// Where it hands out what is no column of text.
pub(crate) fn texts(object: &Bound<'_, PyAny>) -> PyResult<Option<Texts>> {
    // What fails to hand itself out (a library that it takes is not installed, objects
    // of several kinds) may still be gone through item by item.
    if let Some(capsule) = called(object, "__arrow_c_stream__") {
        let capsule = capsule.cast_into::<PyCapsule>()?;
        return from_stream(&capsule).map(Some);
    }
    if let Some(pair) = called(object, "__arrow_c_array__") {
        let pair = pair.cast_into::<PyTuple>()?;
        let schema = pair.get_item(0)?.cast_into::<PyCapsule>()?;
        let array = pair.get_item(1)?.cast_into::<PyCapsule>()?;
        let schema = schema
            .pointer_checked(Some(c"arrow_schema"))?
            .cast::<Schema>();
        let array = array.pointer_checked(Some(c"arrow_array"))?.cast::<Array>();
        // SAFETY: capsules of these names hold these structures. The array is moved out
        // of its capsule, as its interface has it, and the schema is looked at.
        let (schema, array) = unsafe {
            (
                schema.as_ref(),
                ptr::replace(array.as_ptr(), Array::empty()),
            )
        };
        return Texts::new(schema, vec![array]).map(Some);
    }
    Ok(None)
}

fn called<'py>(object: &Bound<'py, PyAny>, method: &str) -> Option<Bound<'py, PyAny>> {
    object.getattr_opt(method).ok()??.call0().ok()
}

fn from_stream(capsule: &Bound<'_, PyCapsule>) -> PyResult<Texts> {
    let stream = capsule
        .pointer_checked(Some(c"arrow_array_stream"))?
        .cast::<Stream>();
    let empty = Stream {
        get_schema: None,
        get_next: None,
        get_last_error: None,
        release: None,
        private_data: ptr::null_mut(),
    };
    // SAFETY: a capsule of this name holds this structure, which is moved out of it.
    let mut stream = unsafe { ptr::replace(stream.as_ptr(), empty) };
    let (Some(get_schema), Some(get_next), Some(_)) =
        (stream.get_schema, stream.get_next, stream.release)
    else {
        return Err(PyValueError::new_err(
            "the stream of Arrow arrays was read before",
        ));
    };
    let mut schema = Schema::empty();
    // SAFETY: the stream is not released, and the schema is ours to fill.
    let code = unsafe { get_schema(&mut stream, &mut schema) };
    failed(&mut stream, code)?;
    let mut arrays = Vec::new();
    loop {
        let mut array = Array::empty();
        // SAFETY: as above.
        let code = unsafe { get_next(&mut stream, &mut array) };
        failed(&mut stream, code)?;
        if array.release.is_none() {
            return Texts::new(&schema, arrays);
        }
        arrays.push(array);
    }
}

/// An error where a stream gave this code.
fn failed(stream: &mut Stream, code: c_int) -> PyResult<()> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: the stream is not released; what it says, if anything, ends in a zero.
    let said = unsafe {
        let text = stream.get_last_error.map_or(ptr::null(), |ask| ask(stream));
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    };
    let said = said.unwrap_or_else(|| format!("code {code}"));
    Err(PyValueError::new_err(format!(
        "the stream of Arrow arrays failed: {said}"
    )))
}
