//! Every operator by the name that PyTorch and its kernel libraries know it by: where it is, what it takes, which
//! instructions carry it out and how far it may lie from its definition.
//!
//! ```
//! let gather = aquifer_ops::names::names().into_iter().find(|row| row.name == "gather").expect("it is listed");
//! assert_eq!((gather.path, gather.backward), ("movement::gather", Some("movement::gather_backward")));
//! ```

use crate::pointwise::{BINARY, PREDICATES, UNARY};
use crate::reduce::REDUCTIONS;
use aquifer_tensor::Isa;

/// One operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    /// What it is called elsewhere.
    pub name: &'static str,
    /// The function, in this crate.
    pub path: &'static str,
    /// The function of its derivative, if it has one; `None` also where the derivative is another operator of this list,
    /// as the documentation of `path` then says.
    pub backward: Option<&'static str>,
    /// Element types of its operands.
    pub dtypes: &'static str,
    /// The instruction sets with code of their own; every one gives the same bits.
    pub instructions: &'static [Isa],
    /// How far a result may lie from the `f64` definition.
    pub budget: String,
}

const FLOATS: &str = "f32 bf16";
const SINGLE: &str = "f32";
const NUMBERS: &str = "f32 bf16 u32 i32 u8";
const INTEGERS: &str = "u32 i32 u8";
const SCALAR: &[Isa] = &[Isa::Portable];
const VECTOR: &[Isa] = &[Isa::Portable, Isa::Avx2, Isa::Avx512];
const PRODUCT: &[Isa] = &Isa::ALL;

/// The tables' rows first, then the others by family.
pub fn names() -> Vec<Name> {
    let row =
        |name, path, backward, dtypes, budget| Name { name, path, backward, dtypes, instructions: VECTOR, budget };
    let types = |integers: bool| if integers { NUMBERS } else { FLOATS };
    let unary =
        UNARY.iter().map(|op| row(op.name, op.path, Some(op.backward_path), types(op.takes_integers()), ulps(op.ulp)));
    let binary =
        BINARY.iter().map(|op| row(op.name, op.path, Some(op.backward_path), types(op.takes_integers()), ulps(op.ulp)));
    let asked = PREDICATES.iter().map(|op| row(op.name, op.path, None, NUMBERS, ulps(0.0)));
    let reductions = REDUCTIONS.iter().map(|op| {
        let budget = if op.error == 0.0 { ulps(0.0) } else { format!("{} · 2⁻²⁴ of the terms' size", op.error) };
        row(op.name, op.path, Some(op.backward_path), FLOATS, budget)
    });
    unary.chain(binary).chain(asked).chain(reductions).chain(LISTED.iter().map(Listed::name)).collect()
}

fn ulps(ulp: f64) -> String {
    if ulp == 0.0 { "exact".to_owned() } else { format!("{ulp} ulp") }
}

struct Listed {
    name: &'static str,
    path: &'static str,
    backward: Option<&'static str>,
    dtypes: &'static str,
    instructions: &'static [Isa],
    budget: &'static str,
}

impl Listed {
    fn name(&self) -> Name {
        let Listed { name, path, backward, dtypes, instructions, budget } = *self;
        Name { name, path, backward, dtypes, instructions, budget: budget.to_owned() }
    }
}

/// Rows `name: module::function (module::derivative), dtypes, instructions, "budget";`. A path that does not exist does
/// not compile.
macro_rules! listed {
    ($($name:ident: $module:ident::$function:ident $(($back_module:ident::$back:ident))?, $dtypes:ident, $paths:ident, $budget:literal;)*) => {
        const LISTED: &[Listed] = &[$(Listed {
            name: stringify!($name),
            path: concat!(stringify!($module), "::", stringify!($function)),
            backward: listed!(@back $($back_module $back)?),
            dtypes: $dtypes,
            instructions: $paths,
            budget: $budget,
        }),*];
        $(const _: () = {
            #[allow(unused_imports)]
            use crate::$module::$function as _;
            $(
                #[allow(unused_imports)]
                use crate::$back_module::$back as _;
            )?
        };)*
    };
    (@back) => { None };
    (@back $module:ident $back:ident) => { Some(concat!(stringify!($module), "::", stringify!($back))) };
}

listed! {
    where: pointwise::where_ (pointwise::where_backward), NUMBERS, SCALAR, "exact";
    masked_fill: pointwise::masked_fill (pointwise::where_backward), NUMBERS, SCALAR, "exact";
    bitwise_and: pointwise::bitwise_and, INTEGERS, SCALAR, "exact";
    bitwise_or: pointwise::bitwise_or, INTEGERS, SCALAR, "exact";
    bitwise_xor: pointwise::bitwise_xor, INTEGERS, SCALAR, "exact";
    bitwise_not: pointwise::bitwise_not, INTEGERS, SCALAR, "exact";
    silu_and_mul: pointwise::silu_and_mul (pointwise::silu_and_mul_backward), FLOATS, VECTOR, "7 ulp";
    gelu_and_mul: pointwise::gelu_and_mul (pointwise::gelu_and_mul_backward), FLOATS, VECTOR, "27 ulp";

    max: reduce::max (reduce::max_backward), FLOATS, VECTOR, "exact";
    min: reduce::min (reduce::max_backward), FLOATS, VECTOR, "exact";
    argmax: reduce::argmax, FLOATS, VECTOR, "exact";
    argmin: reduce::argmin, FLOATS, VECTOR, "exact";
    var_mean: reduce::var_mean (reduce::var_backward), FLOATS, VECTOR, "8 · 2⁻²⁴ of the terms' size";
    cumsum: reduce::cumsum (reduce::cumsum_backward), FLOATS, SCALAR, "0.5 ulp and 2⁻⁵² a term";
    cummax: reduce::cummax (reduce::cummax_backward), FLOATS, SCALAR, "exact";
    all: reduce::all, NUMBERS, SCALAR, "exact";
    any: reduce::any, NUMBERS, SCALAR, "exact";
    norm: reduce::norm (reduce::vector_norm_backward), FLOATS, VECTOR, "2 · 2⁻²⁴ of the norm";

    softmax: softmax::softmax (softmax::softmax_backward), SINGLE, VECTOR, "1e-6";
    softmax_backward: softmax::softmax_backward, SINGLE, VECTOR, "1e-6 of the largest dy";
    log_softmax: losses::log_softmax (losses::log_softmax_backward), FLOATS, VECTOR, "1e-6 of 1 and the largest";
    cross_entropy_loss: cross_entropy::cross_entropy (linear_cross_entropy::linear_cross_entropy_grad), SINGLE, VECTOR, "1e-6";
    nll_loss: losses::nll_loss (losses::nll_loss_backward), FLOATS, VECTOR, "1e-6 of the largest";
    mse_loss: losses::mse_loss (losses::mse_loss_backward), FLOATS, VECTOR, "1e-6";
    swiglu: swiglu::swiglu (swiglu::swiglu_backward), SINGLE, VECTOR, "4e-7 of each";
    dropout: dropout::dropout (dropout::dropout), SINGLE, VECTOR, "0.5 ulp";
    embedding: embedding::embedding (embedding::embedding_grad), SINGLE, VECTOR, "exact";
    embedding_dense_backward: movement::embedding_dense_backward, FLOATS, SCALAR, "one rounding a term";
    layer_norm: layer_norm::layer_norm (layer_norm::layer_norm_backward), SINGLE, VECTOR, "1e-6 of the largest";
    rms_norm: rms_norm::rms_norm (rms_norm::rms_norm_backward), SINGLE, VECTOR, "1e-6 of the largest";
    fused_add_rms_norm: fused_add_rms_norm::fused_add_rms_norm (rms_norm::rms_norm_backward), SINGLE, VECTOR, "as rms_norm of the rounded sum";
    group_norm: convolution::group_norm (convolution::group_norm_backward), FLOATS, VECTOR, "1e-6 of the largest";
    batch_norm: convolution::batch_norm (convolution::batch_norm_backward), FLOATS, VECTOR, "1e-6 of the largest";

    mm: products::mm (products::mm_backward), FLOATS, PRODUCT, "as linear";
    bmm: products::bmm (products::bmm_backward), FLOATS, PRODUCT, "as linear";
    addmm: products::addmm (products::addmm_backward), FLOATS, PRODUCT, "as linear, and two roundings";
    baddbmm: products::baddbmm (products::addmm_backward), FLOATS, PRODUCT, "as linear, and two roundings";
    linear: matmul::linear (matmul::linear_weight_grad), FLOATS, PRODUCT, "one rounding a term, operands too";
    matmul: products::matmul (products::matmul_backward), FLOATS, PRODUCT, "as linear";
    mv: products::mv (products::matmul_backward), FLOATS, PRODUCT, "as linear";
    dot: products::dot (products::matmul_backward), FLOATS, PRODUCT, "as linear";
    outer: products::outer (products::outer_backward), FLOATS, VECTOR, "0.5 ulp";
    linear_quantized: quantized::linear_quantized, FLOATS, VECTOR, "rms: int8/64 0.9 %, int4/32 8.6 %";
    act_quant: quantized::act_quant, FLOATS, VECTOR, "exact integers of a rounded scale";
    scaled_mm: quantized::scaled_mm, SINGLE, VECTOR, "exact sums, then two roundings";
    weight_int8pack_mm: quantized::weight_int8pack_mm, FLOATS, PRODUCT, "as linear in f32, and one rounding";
    weight_int4pack_mm: quantized::weight_int4pack_mm, FLOATS, PRODUCT, "linear's, of weights rounded twice";
    conv1d: convolution::conv1d (convolution::conv1d_backward), FLOATS, PRODUCT, "as linear";
    conv2d: convolution::conv2d (convolution::conv2d_backward), FLOATS, PRODUCT, "as linear";
    conv3d: convolution::conv3d (convolution::conv3d_backward), FLOATS, PRODUCT, "as linear";

    rotary_embedding: rope::rope (rope::rope_backward), SINGLE, VECTOR, "2e-7 of the largest";

    gather: movement::gather (movement::gather_backward), NUMBERS, SCALAR, "exact";
    scatter: movement::scatter, NUMBERS, SCALAR, "exact";
    scatter_add: movement::scatter_add (movement::gather), NUMBERS, SCALAR, "one rounding a term";
    index: movement::index (movement::index_backward), NUMBERS, SCALAR, "exact";
    index_select: movement::index_select (movement::index_select_backward), NUMBERS, SCALAR, "exact";
    index_put: movement::index_put (movement::index), NUMBERS, SCALAR, "exact, or one rounding a term";
    index_add: movement::index_add (movement::index_select), NUMBERS, SCALAR, "one rounding a term";
    take: movement::take (movement::take_backward), NUMBERS, SCALAR, "exact";
    unique: movement::unique, NUMBERS, SCALAR, "exact";
    nonzero: movement::nonzero, NUMBERS, SCALAR, "exact";
    masked_select: movement::masked_select (movement::masked_select_backward), NUMBERS, SCALAR, "exact";
    one_hot: movement::one_hot, NUMBERS, SCALAR, "exact";
    arange: movement::arange, SINGLE, SCALAR, "0.5 ulp";
    linspace: movement::linspace, SINGLE, SCALAR, "0.5 ulp";
    zeros: movement::zeros, NUMBERS, SCALAR, "exact";
    ones: movement::ones, NUMBERS, SCALAR, "exact";
    full: movement::full, NUMBERS, SCALAR, "exact";
    eye: movement::eye, SINGLE, SCALAR, "exact";
    cat: movement::cat (movement::cat_backward), NUMBERS, SCALAR, "exact";
    stack: movement::stack (movement::split), NUMBERS, SCALAR, "exact";
    split: movement::split (movement::cat), NUMBERS, SCALAR, "exact";
    chunk: movement::chunk (movement::cat), NUMBERS, SCALAR, "exact";
    slice: movement::slice (movement::slice_backward), NUMBERS, SCALAR, "exact";
    repeat: movement::repeat (movement::repeat_backward), NUMBERS, SCALAR, "exact";
    repeat_interleave: movement::repeat_interleave (movement::index_select_backward), NUMBERS, SCALAR, "exact";
    expand: movement::expand (movement::expand_backward), NUMBERS, SCALAR, "exact";
    permute: movement::permute (movement::permute), NUMBERS, SCALAR, "exact";
    transpose: movement::transpose (movement::transpose), NUMBERS, SCALAR, "exact";
    reshape: movement::reshape (movement::reshape), NUMBERS, SCALAR, "exact";
    contiguous: movement::contiguous (movement::contiguous), NUMBERS, SCALAR, "exact";
    copy: movement::copy (movement::expand_backward), NUMBERS, SCALAR, "0.5 ulp of the output's type";
    to_copy: movement::to_copy (movement::to_copy), NUMBERS, SCALAR, "0.5 ulp of the output's type";
    pad: movement::pad (movement::pad_backward), NUMBERS, SCALAR, "exact";
    flip: movement::flip (movement::flip), NUMBERS, SCALAR, "exact";
    roll: movement::roll (movement::roll), NUMBERS, SCALAR, "exact";
    tril: movement::tril (movement::tril), NUMBERS, SCALAR, "exact";
    triu: movement::triu (movement::triu), NUMBERS, SCALAR, "exact";
    diag: movement::diag (movement::diag_backward), NUMBERS, SCALAR, "exact";

    topk: order_statistics::topk (order_statistics::topk_backward), NUMBERS, SCALAR, "exact";
    sort: order_statistics::sort (order_statistics::sort_backward), NUMBERS, SCALAR, "exact";
    argsort: order_statistics::argsort, NUMBERS, SCALAR, "exact";
    multinomial: order_statistics::multinomial, FLOATS, SCALAR, "exact";
    topk_softmax: order_statistics::topk_softmax, FLOATS, VECTOR, "as softmax";
    grouped_topk: order_statistics::grouped_topk, FLOATS, VECTOR, "exact, or one rounding a sum";
    moe_align_block_size: experts::moe_align_block_size, NUMBERS, SCALAR, "exact";
    fused_moe: experts::fused_moe (experts::fused_moe_backward), SINGLE, PRODUCT, "as linear";

    rand: random::rand, SINGLE, SCALAR, "exact";
    randn: random::randn, SINGLE, SCALAR, "0.5 ulp";
    normal: random::normal, SINGLE, SCALAR, "0.5 ulp";
    uniform: random::uniform, SINGLE, SCALAR, "1.5 ulp of the ends";
    bernoulli: random::bernoulli, FLOATS, SCALAR, "exact";
    randperm: random::randperm, NUMBERS, SCALAR, "exact";

    clip_grad: clip_grad::clip_grad, SINGLE, VECTOR, "2⁻⁵⁰ of the norm, one rounding";
    adam_step: adamw::adamw, SINGLE, VECTOR, "1e-6 of a step";
    scaled_dot_product_attention: attention::scaled_dot_product_attention (attention::scaled_dot_product_attention_backward), SINGLE, VECTOR, "2 × plain f32's; gradients: in rms";
    flash_attention: attention::flash_attention (attention::attention_backward), SINGLE, VECTOR, "2 × plain f32's; gradients: in rms";
    piecewise_attention: attention::piecewise_attention (attention::piecewise_attention_backward), SINGLE, VECTOR, "2 × plain f32's; gradients: in rms";
    paged_attention: attention::paged_attention, SINGLE, VECTOR, "the bits of flash_attention";
    reshape_and_cache: attention::reshape_and_cache, SINGLE, SCALAR, "exact";
    lion_step: lion::lion, SINGLE, VECTOR, "1e-6 of a step";
    muon_step: muon::muon, SINGLE, PRODUCT, "2e-5 in f32, 1 % of a step in bf16";
    apply_repetition_penalties: losses::apply_repetition_penalties, SINGLE, SCALAR, "0.5 ulp";
    upsample_nearest2d: convolution::upsample_nearest2d (convolution::upsample_nearest2d_backward), NUMBERS, SCALAR, "exact";
    avg_pool2d: convolution::avg_pool2d (convolution::avg_pool2d_backward), FLOATS, SCALAR, "one rounding a term";
    max_pool2d: convolution::max_pool2d (convolution::max_pool2d_backward), FLOATS, SCALAR, "exact";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that matter to language models, of PyTorch, FlagGems and vLLM.
    const CORE: &str = "
        add sub mul div neg abs pow sqrt rsqrt reciprocal exp exp2 log log1p sin cos tanh erf sigmoid clamp clamp_min maximum minimum
        where masked_fill eq ne lt le gt ge logical_and logical_or logical_not isnan isinf isfinite sum mean max min amax amin argmax
        argmin prod var_mean std cumsum cummax logsumexp all any softmax log_softmax softmax_backward cross_entropy_loss nll_loss
        mse_loss relu gelu silu swiglu silu_and_mul gelu_and_mul geglu elu leaky_relu softplus dropout embedding
        embedding_dense_backward layer_norm rms_norm fused_add_rms_norm group_norm batch_norm mm bmm addmm baddbmm linear matmul mv
        dot outer conv1d conv2d scaled_dot_product_attention flash_attention paged_attention rotary_embedding gather scatter
        scatter_add index index_select index_put index_add take topk sort argsort multinomial unique nonzero masked_select one_hot
        arange linspace zeros ones full eye rand randn normal uniform bernoulli randperm cat stack split chunk slice repeat
        repeat_interleave expand permute transpose reshape contiguous copy to_copy pad flip roll tril triu diag norm vector_norm
        clip_grad adam_step fused_moe topk_softmax moe_align_block_size grouped_topk reshape_and_cache apply_repetition_penalties
        act_quant scaled_mm weight_int8pack_mm weight_int4pack_mm upsample_nearest2d avg_pool2d max_pool2d";

    #[test]
    fn every_name_of_the_core_is_listed_once() {
        let names: Vec<&str> = names().into_iter().map(|row| row.name).collect();
        let core: Vec<&str> = CORE.split_whitespace().collect();
        assert_eq!(core.len(), 157);
        let missing: Vec<&str> = core.iter().copied().filter(|name| !names.contains(name)).collect();
        assert_eq!(missing, [""; 0]);
        for (i, name) in names.iter().enumerate() {
            assert!(!names[..i].contains(name), "{name} is listed twice");
        }
    }
}
