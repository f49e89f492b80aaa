//! What adapters make of arithmetic that WGSL leaves open, beside what the kernels
//! rely on.
//!
//! WGSL lets an implementation assume that there is neither NaN nor infinity, and
//! bounds the error of functions loosely. `delicate doctor --arithmetic` prints what
//! comes out; `docs/devices.md` has it for the adapters that were at hand.

use burn::backend::wgpu::wgpu;
use serde::Serialize;

use super::{Adapter, gpu};

/// One expression and what comes of it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// The expression, as one would write it.
    pub expression: &'static str,
    /// What IEEE 754 or WGSL says, as text.
    pub exact: String,
    /// What came out.
    pub found: String,
    /// Whether the two are one value; any NaN is one.
    pub agrees: bool,
    /// Which kernels need it so; `None` where nothing depends on it.
    pub relied_on: Option<&'static str>,
}

/// The error of a function over its usual arguments.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Accuracy {
    /// The function.
    pub function: &'static str,
    /// Its arguments, from and to.
    pub range: [f32; 2],
    /// The largest error found, in units in the last place.
    pub ulps: f64,
    /// What the kernels need.
    pub relied_on: f64,
}

/// What an adapter promises and computes.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Arithmetic {
    /// The adapter.
    pub adapter: Adapter,
    /// What it allows, by name.
    pub limits: Vec<(&'static str, u64)>,
    /// Features that a kernel may use, by wgpu's names.
    pub features: Vec<&'static str>,
    /// Single expressions.
    pub answers: Vec<Answer>,
    /// Functions.
    pub accuracies: Vec<Accuracy>,
}

impl Arithmetic {
    /// Whether everything that the kernels rely on holds.
    pub fn suffices(&self) -> bool {
        let answers = self.answers.iter();
        let answers = answers.filter(|answer| answer.relied_on.is_some());
        answers.into_iter().all(|answer| answer.agrees)
            && self
                .accuracies
                .iter()
                .all(|accuracy| accuracy.ulps <= accuracy.relied_on)
    }
}

/// What an expression should give.
#[derive(Clone, Copy)]
enum Exact {
    Float(f32),
    Word(u32),
}

impl Exact {
    fn text(self, bits: u32) -> String {
        match self {
            Self::Float(_) => format!("{:?}", f32::from_bits(bits)),
            Self::Word(_) => format!("0x{bits:08x}"),
        }
    }

    fn bits(self) -> u32 {
        match self {
            Self::Float(value) => value.to_bits(),
            Self::Word(word) => word,
        }
    }

    fn agrees(self, bits: u32) -> bool {
        match self {
            Self::Float(value) if value.is_nan() => f32::from_bits(bits).is_nan(),
            _ => self.bits() == bits,
        }
    }
}

/// As it is shown, in WGSL, what it should give, and who needs it.
type Expression = (&'static str, &'static str, Exact, Option<&'static str>);

/// The arguments by name; read from a buffer, so that nothing is computed ahead.
const ARGUMENTS: [(&str, f32); 14] = [
    ("NAN", f32::NAN),
    ("INF", f32::INFINITY),
    ("ZERO", 0.0),
    ("ONE", 1.0),
    ("BIG", 1e8),
    ("SMALL", 1.234_567_9),
    ("TINY", 1e-30),
    ("MASKED", -10_000.0),
    ("HUGE", 1e30),
    ("NEAR_ONE", 1.000_000_1),
    ("SEVEN", 7.0),
    ("ROUNDS", 100_000.0),
    ("FEW_ROUNDS", 45_000.0),
    ("HALF_WAY", 2.5),
];

const CARRIES: Option<&str> = Some("all: a NaN is carried along by sums and products");
const GUARD: Option<&str> = Some("guard, gelu");
const SOFTMAX: Option<&str> = Some("attention: padding has no weight");
const INDICES: Option<&str> = Some("all: indices");

const EXPRESSIONS: &[Expression] = &[
    ("NaN + 1", "NAN + ONE", Exact::Float(f32::NAN), CARRIES),
    ("NaN * 7", "NAN * SEVEN", Exact::Float(f32::NAN), CARRIES),
    (
        "fma(NaN, 7, 1)",
        "fma(NAN, SEVEN, ONE)",
        Exact::Float(f32::NAN),
        CARRIES,
    ),
    (
        "infinity + 1",
        "INF + ONE",
        Exact::Float(f32::INFINITY),
        CARRIES,
    ),
    (
        "exponent bits of NaN are set",
        "f32((bitcast<u32>(NAN) & 0x7f800000u) == 0x7f800000u)",
        Exact::Float(1.0),
        GUARD,
    ),
    (
        "exponent bits of infinity are set",
        "f32((bitcast<u32>(INF) & 0x7f800000u) == 0x7f800000u)",
        Exact::Float(1.0),
        GUARD,
    ),
    (
        "exponent bits of 1e30 are set",
        "f32((bitcast<u32>(HUGE) & 0x7f800000u) == 0x7f800000u)",
        Exact::Float(0.0),
        GUARD,
    ),
    ("exp(-10000)", "exp(MASKED)", Exact::Float(0.0), SOFTMAX),
    ("exp(0)", "exp(ZERO)", Exact::Float(1.0), SOFTMAX),
    (
        "rounds of a loop of 45000",
        "rounds(FEW_ROUNDS)",
        Exact::Float(45_000.0),
        Some("linear, guard, sum_of_rows"),
    ),
    (
        "rounds of a loop of 100000, after one of 45000",
        "rounds(ROUNDS)",
        Exact::Float(100_000.0),
        None,
    ),
    (
        "7u / 2u",
        "f32(u32(SEVEN) / 2u)",
        Exact::Float(3.0),
        INDICES,
    ),
    (
        "7u % 4u",
        "f32(u32(SEVEN) % 4u)",
        Exact::Float(3.0),
        INDICES,
    ),
    ("NaN - NaN", "NAN - NAN", Exact::Float(f32::NAN), None),
    (
        "infinity - infinity",
        "INF - INF",
        Exact::Float(f32::NAN),
        None,
    ),
    ("infinity * 0", "INF * ZERO", Exact::Float(f32::NAN), None),
    ("0 / 0", "ZERO / ZERO", Exact::Float(f32::NAN), None),
    ("1 / 0", "ONE / ZERO", Exact::Float(f32::INFINITY), None),
    (
        "7 / 3",
        "SEVEN / (ONE + ONE + ONE)",
        Exact::Float(7.0 / 3.0),
        None,
    ),
    ("NaN != NaN", "f32(NAN != NAN)", Exact::Float(1.0), None),
    ("NaN == NaN", "f32(NAN == NAN)", Exact::Float(0.0), None),
    ("NaN < 1", "f32(NAN < ONE)", Exact::Float(0.0), None),
    ("max(NaN, 1)", "max(NAN, ONE)", Exact::Float(1.0), None),
    ("max(1, NaN)", "max(ONE, NAN)", Exact::Float(1.0), None),
    ("exp(NaN)", "exp(NAN)", Exact::Float(f32::NAN), None),
    (
        "exp(infinity)",
        "exp(INF)",
        Exact::Float(f32::INFINITY),
        None,
    ),
    (
        "exp(100)",
        "exp(SEVEN * SEVEN + SEVEN * SEVEN + ONE + ONE)",
        Exact::Float(f32::INFINITY),
        None,
    ),
    ("log(NaN)", "log(NAN)", Exact::Float(f32::NAN), None),
    ("log(0)", "log(ZERO)", Exact::Float(f32::NEG_INFINITY), None),
    ("log(-1)", "log(-ONE)", Exact::Float(f32::NAN), None),
    ("tanh(NaN)", "tanh(NAN)", Exact::Float(f32::NAN), None),
    ("tanh(infinity)", "tanh(INF)", Exact::Float(1.0), None),
    ("tanh(10000)", "tanh(-MASKED)", Exact::Float(1.0), None),
    ("fract(NaN)", "fract(NAN)", Exact::Float(f32::NAN), None),
    ("floor(NaN)", "floor(NAN)", Exact::Float(f32::NAN), None),
    ("sqrt(-1)", "sqrt(-ONE)", Exact::Float(f32::NAN), None),
    (
        "inverseSqrt(0)",
        "inverseSqrt(ZERO)",
        Exact::Float(f32::INFINITY),
        None,
    ),
    (
        "inverseSqrt(NaN)",
        "inverseSqrt(NAN)",
        Exact::Float(f32::NAN),
        None,
    ),
    ("round(2.5)", "round(HALF_WAY)", Exact::Float(2.0), None),
    ("i32(NaN)", "f32(i32(NAN))", Exact::Float(0.0), None),
    (
        "i32(1e30)",
        "f32(i32(HUGE))",
        Exact::Float(2_147_483_500.0),
        None,
    ),
    ("u32(-1)", "f32(u32(-ONE))", Exact::Float(0.0), None),
    (
        "1e-30 * 1e-10, a subnormal",
        "TINY * (ONE / (BIG * (SEVEN + ONE + ONE + ONE) * (SEVEN + ONE + ONE + ONE)))",
        Exact::Float(1e-40),
        None,
    ),
    (
        "fma(a, a, -a*a) where fused",
        "f32(fma(NEAR_ONE, NEAR_ONE, -(NEAR_ONE * NEAR_ONE)) != ZERO)",
        Exact::Float(1.0),
        None,
    ),
    (
        "(1e8 + s) - 1e8 - s, the rounding",
        "((BIG + SMALL) - BIG) - SMALL",
        Exact::Float(-1.234_567_9),
        None,
    ),
    (
        "pack2x16float(infinity, 1)",
        "pack2x16float(vec2(INF, ONE))",
        Exact::Word(0x3c00_7c00),
        None,
    ),
    (
        "pack2x16float(1e8, 1)",
        "pack2x16float(vec2(BIG, ONE))",
        Exact::Word(0x3c00_7c00),
        None,
    ),
    (
        "pack2x16float(NaN, 1)",
        "pack2x16float(vec2(NAN, ONE))",
        Exact::Word(0x3c00_7e00),
        None,
    ),
    (
        "unpack2x16float(infinity)",
        "unpack2x16float(u32(ONE) * 0x7c00u).x",
        Exact::Float(f32::INFINITY),
        None,
    ),
];

/// A function in WGSL and in double precision, its arguments, and the error in units
/// in the last place that the kernels' tolerance of 1e-3 leaves room for.
type Function = (&'static str, &'static str, fn(f64) -> f64, [f32; 2], f64);

const FUNCTIONS: [Function; 6] = [
    ("exp", "exp(a)", f64::exp, [-80.0, 80.0], 256.0),
    ("log", "log(a)", f64::ln, [1e-3, 1e3], 4096.0),
    ("tanh", "tanh(a)", f64::tanh, [-4.0, 4.0], 4096.0),
    (
        "inverseSqrt",
        "inverseSqrt(a)",
        |a| 1.0 / a.sqrt(),
        [1e-6, 1e6],
        16.0,
    ),
    ("sqrt", "sqrt(a)", f64::sqrt, [1e-6, 1e6], 16.0),
    ("1 / x", "1.0 / a", |a| 1.0 / a, [1e-6, 1e6], 16.0),
];

/// Arguments of each function.
const SAMPLES: usize = 1024;

fn sample(range: [f32; 2], index: usize) -> f32 {
    let share = index as f32 / (SAMPLES - 1) as f32;
    if range[0] > 0.0 {
        // As many in every decade.
        range[0] * (range[1] / range[0]).powf(share)
    } else {
        range[0] + (range[1] - range[0]) * share
    }
}

/// The shader: all expressions by the first lane, and every function of the lane's
/// own arguments.
fn source() -> String {
    let mut text = String::from(
        "@group(0) @binding(0) var<storage, read_write> x: array<f32>;\n\
         @group(0) @binding(1) var<storage, read_write> y: array<u32>;\n\
         fn rounds(count: f32) -> f32 {\n\
           var state = u32(x[2]);\n\
           var done = 0u;\n\
           for (var i = 0u; i < u32(count); i++) {\n\
             state = state * 1664525u + 1013904223u;\n\
             done += select(1u, 0u, state == 0u);\n\
           }\n\
           return f32(done);\n\
         }\n\
         @compute @workgroup_size(64)\n\
         fn main(@builtin(global_invocation_id) id: vec3<u32>) {\n\
         let lane = id.x;\n",
    );
    let arguments = ARGUMENTS.len();
    for (index, (name, _)) in ARGUMENTS.iter().enumerate() {
        text += &format!("let {name} = x[{index}u];\n");
    }
    text += "if lane == 0u {\n";
    for (index, (_, expression, exact, _)) in EXPRESSIONS.iter().enumerate() {
        text += &match exact {
            Exact::Float(_) => format!("y[{index}u] = bitcast<u32>({expression});\n"),
            Exact::Word(_) => format!("y[{index}u] = {expression};\n"),
        };
    }
    text += "}\n";
    for (index, (_, expression, ..)) in FUNCTIONS.iter().enumerate() {
        let argument = arguments + index * SAMPLES;
        let place = EXPRESSIONS.len() + index * SAMPLES;
        text += &format!(
            "{{ let a = x[{argument}u + lane]; y[{place}u + lane] = bitcast<u32>({expression}); }}\n"
        );
    }
    text + "}\n"
}

/// Measures every adapter of this machine, OpenGL's too, whose adapters are the
/// same devices through another compiler. One that fails has its error.
pub async fn measure() -> Vec<Result<Arithmetic, String>> {
    let backends = wgpu::Backends::PRIMARY | wgpu::Backends::GL;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut all = Vec::new();
    for adapter in instance.enumerate_adapters(backends).await {
        let described = gpu::describe(&adapter);
        let name = format!("{} ({})", described.name, described.api);
        let words = run(&adapter).await;
        all.push(match words {
            Ok(words) => Ok(evaluated(&adapter, described, &words)),
            Err(error) => Err(format!("{name}: {error}")),
        });
    }
    all
}

/// The words that the shader leaves.
async fn run(adapter: &wgpu::Adapter) -> Result<Vec<u32>, String> {
    let (device, queue) = adapter
        .request_device(&wgpu::DeviceDescriptor {
            required_limits: adapter.limits(),
            ..wgpu::DeviceDescriptor::default()
        })
        .await
        .map_err(|error| error.to_string())?;
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(source().into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    });
    let arguments = ARGUMENTS.iter().map(|(_, value)| *value);
    let samples = FUNCTIONS
        .iter()
        .flat_map(|(_, _, _, range, _)| (0..SAMPLES).map(move |index| sample(*range, index)));
    let bytes: Vec<u8> = arguments
        .chain(samples)
        .flat_map(|value| value.to_bits().to_le_bytes())
        .collect();
    let buffer = |size: usize, usage| {
        device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: size as u64,
            usage,
            mapped_at_creation: false,
        })
    };
    let size = 4 * (EXPRESSIONS.len() + FUNCTIONS.len() * SAMPLES);
    let storage = wgpu::BufferUsages::STORAGE;
    let x = buffer(bytes.len(), storage | wgpu::BufferUsages::COPY_DST);
    let y = buffer(size, storage | wgpu::BufferUsages::COPY_SRC);
    let read = buffer(
        size,
        wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
    );
    queue.write_buffer(&x, 0, &bytes);
    let layout = pipeline.get_bind_group_layout(0);
    let bound = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &layout,
        entries: &[(0, &x), (1, &y)].map(|(binding, buffer)| wgpu::BindGroupEntry {
            binding,
            resource: buffer.as_entire_binding(),
        }),
    });
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &bound, &[]);
        pass.dispatch_workgroups((SAMPLES / 64) as u32, 1, 1);
    }
    encoder.copy_buffer_to_buffer(&y, 0, &read, 0, size as u64);
    queue.submit([encoder.finish()]);
    if let Some(error) = scope.pop().await {
        return Err(error.to_string());
    }
    read.slice(..).map_async(wgpu::MapMode::Read, |_| ());
    device
        .poll(wgpu::PollType::wait_indefinitely())
        .map_err(|error| error.to_string())?;
    let mapped = read
        .slice(..)
        .get_mapped_range()
        .map_err(|error| error.to_string())?;
    let words = mapped.as_chunks::<4>().0.iter();
    Ok(words.map(|bytes| u32::from_le_bytes(*bytes)).collect())
}

fn evaluated(adapter: &wgpu::Adapter, described: Adapter, words: &[u32]) -> Arithmetic {
    let limits = adapter.limits();
    let (answers, samples) = words.split_at(EXPRESSIONS.len());
    let answers = EXPRESSIONS.iter().zip(answers);
    let accuracies = FUNCTIONS.iter().zip(samples.chunks_exact(SAMPLES));
    Arithmetic {
        limits: vec![
            (
                "storage buffers of a kernel",
                limits.max_storage_buffers_per_shader_stage.into(),
            ),
            ("bytes of a binding", limits.max_storage_buffer_binding_size),
            ("bytes of a buffer", limits.max_buffer_size),
            (
                "lanes of a workgroup",
                limits.max_compute_invocations_per_workgroup.into(),
            ),
            (
                "bytes of workgroup memory",
                limits.max_compute_workgroup_storage_size.into(),
            ),
            (
                "workgroups of a dimension",
                limits.max_compute_workgroups_per_dimension.into(),
            ),
            (
                "alignment of a binding",
                limits.min_storage_buffer_offset_alignment.into(),
            ),
        ],
        features: [
            (wgpu::Features::SHADER_F16, "shader-f16"),
            (wgpu::Features::SUBGROUP, "subgroups"),
            (wgpu::Features::SHADER_INT64, "64-bit integers"),
            (wgpu::Features::SHADER_F64, "double precision"),
            (wgpu::Features::SHADER_FLOAT32_ATOMIC, "atomic floats"),
            (wgpu::Features::TIMESTAMP_QUERY, "timestamps"),
        ]
        .into_iter()
        .filter(|(feature, _)| adapter.features().contains(*feature))
        .map(|(_, name)| name)
        .collect(),
        adapter: described,
        answers: answers
            .map(|(&(expression, _, exact, relied_on), &bits)| Answer {
                expression,
                exact: exact.text(exact.bits()),
                found: exact.text(bits),
                agrees: exact.agrees(bits),
                relied_on,
            })
            .collect(),
        accuracies: accuracies
            .map(
                |(&(function, _, exact, range, relied_on), words)| Accuracy {
                    function,
                    range,
                    ulps: words
                        .iter()
                        .enumerate()
                        .map(|(index, &bits)| {
                            let exact = exact(f64::from(sample(range, index)));
                            ulps(f32::from_bits(bits), exact)
                        })
                        .fold(0.0, f64::max),
                    relied_on,
                },
            )
            .collect(),
    }
}

/// How far `found` is from `exact`, in the distance of single-precision numbers
/// there; infinite for what is not finite.
fn ulps(found: f32, exact: f64) -> f64 {
    if !found.is_finite() {
        return f64::INFINITY;
    }
    let near = (exact as f32).abs();
    let unit = f64::from(near.next_up()) - f64::from(near);
    (f64::from(found) - exact).abs() / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_counted_in_units_in_the_last_place() {
        assert_eq!(ulps(1.0, 1.0), 0.0);
        assert_eq!(ulps(1.0f32.next_up(), 1.0), 1.0);
        assert!((ulps(0.5, 0.5 + 2f64.powi(-24)) - 1.0).abs() < 1e-9);
        assert_eq!(ulps(f32::NAN, 1.0), f64::INFINITY);
    }

    #[test]
    fn any_nan_is_one_and_a_word_is_compared_bit_by_bit() {
        let nan = Exact::Float(f32::NAN);
        assert!(nan.agrees(0xffc0_0001) && !nan.agrees(0));
        assert!(!Exact::Float(0.0).agrees((-0.0f32).to_bits()));
        assert!(Exact::Word(7).agrees(7) && !Exact::Word(7).agrees(8));
    }

    #[test]
    #[ignore = "needs a GPU adapter"]
    fn what_the_kernels_rely_on_holds_on_wgpu() {
        let measured = pollster::block_on(measure());
        let (found, failed): (Vec<_>, Vec<_>) = measured.into_iter().partition(Result::is_ok);
        let found: Vec<Arithmetic> = found.into_iter().flatten().collect();
        assert!(!found.is_empty(), "{failed:?}");
        for arithmetic in found {
            assert!(arithmetic.suffices(), "{arithmetic:#?}");
        }
    }
}
