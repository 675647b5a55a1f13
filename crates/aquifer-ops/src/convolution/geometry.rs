//! Which input element a tap of the kernel meets.

use super::plain;
use crate::OpError;
use aquifer_tensor::threads::{SendPtr, parallel_chunks, parallel_for};
use aquifer_tensor::{Tensor, View};

/// How a kernel walks over its input: one number for each spatial axis, the first axis first; missing ones count as
/// those of [`ConvSpec::default`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConvSpec {
    /// Input elements from one output position to the next; 1 by default.
    pub stride: Vec<usize>,
    /// Zeros before and after the input; 0 by default.
    pub padding: Vec<usize>,
    /// Input elements from one tap to the next; 1 by default.
    pub dilation: Vec<usize>,
    /// Runs of channels that do not see each other; 1 by default.
    pub groups: usize,
}

impl Default for ConvSpec {
    fn default() -> Self {
        ConvSpec { stride: Vec::new(), padding: Vec::new(), dilation: Vec::new(), groups: 1 }
    }
}

/// A convolution whose shapes fit, always of three spatial axes, the leading ones of 1.
pub(super) struct Geometry {
    pub(super) batch: usize,
    pub(super) groups: usize,
    /// Channels of one group.
    pub(super) group_in: usize,
    pub(super) group_out: usize,
    axes: usize,
    input: [usize; 3],
    taps: [usize; 3],
    output: [usize; 3],
    stride: [usize; 3],
    padding: [usize; 3],
    dilation: [usize; 3],
}

pub(super) fn expect_axes(op: &'static str, x: &View, axes: usize) -> Result<(), OpError> {
    if x.shape().len() == axes + 2 {
        return Ok(());
    }
    let want = format!("a batch, channels and {axes} more axes");
    Err(OpError::Shape { op, arg: "x", want, got: x.shape().to_vec() })
}

impl Geometry {
    pub(super) fn new(op: &'static str, x: &View, w: &View, spec: &ConvSpec) -> Result<Self, OpError> {
        let axes = x.shape().len().wrapping_sub(2);
        if !(1..=3).contains(&axes) {
            let want = "a batch, channels and one to three more axes".to_string();
            return Err(OpError::Shape { op, arg: "x", want, got: x.shape().to_vec() });
        }
        let (channels, groups) = (x.shape()[1], spec.groups);
        let fits = groups > 0
            && channels.is_multiple_of(groups)
            && w.shape().len() == axes + 2
            && w.shape()[0].is_multiple_of(groups)
            && w.shape()[1] == channels / groups;
        if !fits {
            let want = format!(
                "{groups} equal runs of output channels, each of {channels}/{groups} channels and {axes} axes of taps"
            );
            return Err(OpError::Shape { op, arg: "w", want, got: w.shape().to_vec() });
        }
        let spread = |given: &[usize], missing: usize| {
            let mut all = [missing; 3];
            given.iter().take(axes).enumerate().for_each(|(i, n)| all[3 - axes + i] = *n);
            all
        };
        let (stride, padding, dilation) =
            (spread(&spec.stride, 1), spread(&spec.padding, 0), spread(&spec.dilation, 1));
        let (input, taps) = (spread(&x.shape()[2..], 1), spread(&w.shape()[2..], 1));
        let mut output = [0; 3];
        for axis in 0..3 {
            let reach = dilation[axis] * taps[axis].saturating_sub(1) + 1;
            let room = (input[axis] + 2 * padding[axis]).checked_sub(reach);
            let (Some(room), true) = (room, stride[axis] > 0 && dilation[axis] > 0 && taps[axis] > 0) else {
                let want = format!("a kernel of {taps:?} taps that fits {input:?} with this {spec:?}");
                return Err(OpError::Shape { op, arg: "w", want, got: w.shape().to_vec() });
            };
            output[axis] = room / stride[axis] + 1;
        }
        let (group_in, group_out) = (channels / groups, w.shape()[0] / groups);
        Ok(Geometry {
            batch: x.shape()[0],
            groups,
            group_in,
            group_out,
            axes,
            input,
            taps,
            output,
            stride,
            padding,
            dilation,
        })
    }

    pub(super) fn out_shape(&self) -> Vec<usize> {
        [&[self.batch, self.groups * self.group_out], &self.output[3 - self.axes..]].concat()
    }

    /// Output positions of an image.
    pub(super) fn positions(&self) -> usize {
        self.output.iter().product()
    }

    /// Elements of a patch: the contracted axis.
    pub(super) fn patch(&self) -> usize {
        self.group_in * self.taps.iter().product::<usize>()
    }

    pub(super) fn bias(&self, op: &'static str, bias: &View) -> Result<Tensor, OpError> {
        crate::rows::expect_len(
            op,
            "bias",
            bias.numel(),
            "one for every output channel",
            self.groups * self.group_out,
        )?;
        plain(op, bias)
    }

    /// A group's part of the weight as `[outputs, patch]`.
    pub(super) fn group_weight<'a>(&self, w: &'a Tensor, group: usize) -> View<'a> {
        let part = self.group_out * self.patch();
        View::of(&w.as_f32()[group * part..(group + 1) * part], [self.group_out, self.patch()])
    }

    /// The patches of output positions from `start` on, one row each; padding is zero.
    pub(super) fn patches(&self, x: &[f32], image: usize, group: usize, start: usize, cols: &mut [f32]) {
        let (x, offsets) = (&x[self.image(image, group)], self.offsets());
        parallel_chunks(cols, self.patch().max(1), |i, row| {
            if let Some(first) = self.inside(start + i) {
                let x = &x[first..];
                return row.iter_mut().zip(&offsets).for_each(|(to, at)| *to = x[*at]);
            }
            row.fill(0.0);
            for channel in 0..self.group_in {
                self.meet(start + i, channel, |tap, at| row[tap] = x[at]);
            }
        });
    }

    /// Adds rows of patches back to where [`Geometry::patches`] took them, position after position; channels are
    /// the tasks.
    pub(super) fn add_patches(&self, cols: &[f32], image: usize, group: usize, start: usize, dx: &mut [f32]) {
        let (patch, base) = (self.patch(), SendPtr(dx[self.image(image, group)].as_mut_ptr()));
        let (offsets, taps) = (self.offsets(), self.taps.iter().product::<usize>());
        parallel_for(self.group_in, |channel| {
            let own = channel * taps..(channel + 1) * taps;
            for (i, row) in cols.chunks(patch).enumerate() {
                if let Some(first) = self.inside(start + i) {
                    for (dx, at) in row[own.clone()].iter().zip(&offsets[own.clone()]) {
                        // SAFETY: elements of a channel are one task's, inside the image's group.
                        unsafe { *base.get().add(first + at) += dx };
                    }
                    continue;
                }
                // SAFETY: as above.
                self.meet(start + i, channel, |tap, at| unsafe { *base.get().add(at) += row[tap] });
            }
        });
    }

    /// Where each element of a patch lies in its group's image, counted from the patch's first.
    fn offsets(&self) -> Vec<usize> {
        let (mut offsets, [depth, height, width]) = (Vec::with_capacity(self.patch()), self.input);
        for channel in 0..self.group_in {
            for i in 0..self.taps[0] {
                for j in 0..self.taps[1] {
                    let row = (channel * depth + i * self.dilation[0]) * height + j * self.dilation[1];
                    offsets.extend((0..self.taps[2]).map(|k| row * width + k * self.dilation[2]));
                }
            }
        }
        offsets
    }

    /// Where the patch of an output position begins in its group's image, if none of it is padding.
    fn inside(&self, position: usize) -> Option<usize> {
        let at = self.place(position);
        let mut first = 0;
        for axis in 0..3 {
            let start = (at[axis] * self.stride[axis]).checked_sub(self.padding[axis])?;
            if start + (self.taps[axis] - 1) * self.dilation[axis] >= self.input[axis] {
                return None;
            }
            first = first * self.input[axis] + start;
        }
        Some(first)
    }

    /// The indices of an output position along each axis.
    fn place(&self, position: usize) -> [usize; 3] {
        let [_, height, width] = self.output;
        [position / (height * width), position / width % height, position % width]
    }

    fn image(&self, image: usize, group: usize) -> std::ops::Range<usize> {
        let size = self.group_in * self.input.iter().product::<usize>();
        let start = (image * self.groups + group) * size;
        start..start + size
    }

    /// Calls `pair(element of the patch, element of the group's image)` for every tap of a channel that is not padding.
    #[inline]
    fn meet(&self, position: usize, channel: usize, mut pair: impl FnMut(usize, usize)) {
        let at = self.place(position);
        let input = |axis: usize, tap: usize| {
            let shifted = at[axis] * self.stride[axis] + tap * self.dilation[axis];
            shifted.checked_sub(self.padding[axis]).filter(|at| *at < self.input[axis])
        };
        for (i, z) in (0..self.taps[0]).filter_map(|i| Some((i, input(0, i)?))) {
            for (j, y) in (0..self.taps[1]).filter_map(|j| Some((j, input(1, j)?))) {
                let tap = ((channel * self.taps[0] + i) * self.taps[1] + j) * self.taps[2];
                let row = ((channel * self.input[0] + z) * self.input[1] + y) * self.input[2];
                for k in 0..self.taps[2] {
                    if let Some(x) = input(2, k) {
                        pair(tap + k, row + x);
                    }
                }
            }
        }
    }
}
