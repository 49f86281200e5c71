(* Generated from the theorems by `python -m wellshaped.proofs_of_shape.coq_reading`. *)
Require Import Arith.

Definition sliding_window_size (n k s p : nat) : nat :=
  ((1 - (1 - k)) * ((((n + (2 * p)) + s) - k) / s)).

Definition conv_transpose_size (n k s p : nat) : nat :=
  ((((1 - (1 - n)) * (1 - (1 - k))) * (1 - (1 - s))) * ((((n - 1) * s) + k) - (2 * p))).

Definition window_size (n k s p : nat) : nat :=
  (((1 - (1 - k)) * 1) * (((((n + p) + p) + s) - (((k - 1) * 1) + 1)) / s)).

Definition transposed_size (n k s p : nat) : nat :=
  (((((1 - (1 - n)) * (1 - (1 - k))) * (1 - (1 - s))) * 1) * (((((n - 1) * s) + (((k - 1) * 1) + 1)) + 0) - (p + p))).

(* With at least one channel, if n ≥ 1 meets the obligations, every operation is accepted: all windows fit. *)
Definition soundness_statement : Prop := forall n pool_kernel pool_stride conv_kernel conv_stride conv_padding up_kernel up_stride up_padding head_kernel head_stride head_padding base_channels in_channels out_channels : nat,
  (((1 <= n) /\ (1 <= base_channels) /\ (1 <= in_channels) /\ (1 <= out_channels) /\ ((sliding_window_size n conv_kernel conv_stride conv_padding) = n) /\ ((sliding_window_size (sliding_window_size n pool_kernel pool_stride 0) conv_kernel conv_stride conv_padding) = (sliding_window_size n pool_kernel pool_stride 0)) /\ ((conv_transpose_size (sliding_window_size n pool_kernel pool_stride 0) up_kernel up_stride up_padding) = n) /\ ((sliding_window_size n head_kernel head_stride head_padding) = n)) -> ((((1 <= pool_kernel) /\ (1 <= pool_stride) /\ (1 <= conv_kernel) /\ (1 <= up_kernel) /\ (1 <= up_stride) /\ (1 <= head_kernel) /\ (1 <= conv_stride) /\ (1 <= head_stride)) /\ (pool_kernel <= n) /\ (conv_kernel <= (n + (2 * conv_padding))) /\ (conv_kernel <= ((sliding_window_size n pool_kernel pool_stride 0) + (2 * conv_padding))) /\ (1 <= (sliding_window_size n pool_kernel pool_stride 0)) /\ (((2 * up_padding) + 1) <= ((((sliding_window_size n pool_kernel pool_stride 0) - 1) * up_stride) + up_kernel)) /\ (head_kernel <= (n + (2 * head_padding)))) /\ (1 <= in_channels) /\ (1 <= (1 * base_channels)) /\ (1 <= (2 * base_channels)) /\ (1 <= out_channels))).

(* The obligations hold iff every intermediate image has the size that the specification gives it. *)
Definition exactness_statement : Prop := forall n pool_kernel pool_stride conv_kernel conv_stride conv_padding up_kernel up_stride up_padding head_kernel head_stride head_padding base_channels : nat,
  ((1 <= n) -> ((((sliding_window_size n conv_kernel conv_stride conv_padding) = n) /\ ((sliding_window_size (sliding_window_size n pool_kernel pool_stride 0) conv_kernel conv_stride conv_padding) = (sliding_window_size n pool_kernel pool_stride 0)) /\ ((conv_transpose_size (sliding_window_size n pool_kernel pool_stride 0) up_kernel up_stride up_padding) = n) /\ ((sliding_window_size n head_kernel head_stride head_padding) = n)) <-> (((sliding_window_size n conv_kernel conv_stride conv_padding) = n) /\ ((sliding_window_size (sliding_window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) = n) /\ ((conv_transpose_size (sliding_window_size (sliding_window_size (sliding_window_size (sliding_window_size (sliding_window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) pool_kernel pool_stride 0) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) up_kernel up_stride up_padding) = n) /\ ((sliding_window_size (sliding_window_size (sliding_window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) = n) /\ ((sliding_window_size (sliding_window_size (sliding_window_size (sliding_window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) = n) /\ ((sliding_window_size (sliding_window_size (sliding_window_size (sliding_window_size (sliding_window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) head_kernel head_stride head_padding) = n) /\ ((sliding_window_size (sliding_window_size (sliding_window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) pool_kernel pool_stride 0) = (sliding_window_size n pool_kernel pool_stride 0)) /\ ((sliding_window_size (sliding_window_size (sliding_window_size (sliding_window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) pool_kernel pool_stride 0) conv_kernel conv_stride conv_padding) = (sliding_window_size n pool_kernel pool_stride 0)) /\ ((sliding_window_size (sliding_window_size (sliding_window_size (sliding_window_size (sliding_window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) pool_kernel pool_stride 0) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) = (sliding_window_size n pool_kernel pool_stride 0))))).

(* The graph of a UNet2Config meets all its requirements along an axis iff n ≥ 1 and the obligations hold. *)
Definition graph_obligations_statement : Prop := forall n pool_kernel pool_stride conv_kernel conv_stride conv_padding up_kernel up_stride up_padding head_kernel head_stride head_padding base_channels : nat,
  (((1 <= n) /\ (1 <= (window_size n conv_kernel conv_stride conv_padding)) /\ ((window_size n conv_kernel conv_stride conv_padding) = n) /\ (1 <= (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding)) /\ ((window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) = (window_size n conv_kernel conv_stride conv_padding)) /\ (1 <= (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) pool_kernel pool_stride 0)) /\ (1 <= (window_size (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) pool_kernel pool_stride 0) conv_kernel conv_stride conv_padding)) /\ ((window_size (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) pool_kernel pool_stride 0) conv_kernel conv_stride conv_padding) = (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) pool_kernel pool_stride 0)) /\ (1 <= (window_size (window_size (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) pool_kernel pool_stride 0) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding)) /\ ((window_size (window_size (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) pool_kernel pool_stride 0) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) = (window_size (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) pool_kernel pool_stride 0) conv_kernel conv_stride conv_padding)) /\ (1 <= (transposed_size (window_size (window_size (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) pool_kernel pool_stride 0) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) up_kernel up_stride up_padding)) /\ ((window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) = (transposed_size (window_size (window_size (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) pool_kernel pool_stride 0) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) up_kernel up_stride up_padding)) /\ (1 <= (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding)) /\ ((window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) = (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding)) /\ (1 <= (window_size (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding)) /\ ((window_size (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) = (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding)) /\ (1 <= (window_size (window_size (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) head_kernel head_stride head_padding)) /\ ((window_size (window_size (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) head_kernel head_stride head_padding) = (window_size (window_size (window_size (window_size n conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding) conv_kernel conv_stride conv_padding))) <-> ((1 <= n) /\ ((sliding_window_size n conv_kernel conv_stride conv_padding) = n) /\ ((sliding_window_size (sliding_window_size n pool_kernel pool_stride 0) conv_kernel conv_stride conv_padding) = (sliding_window_size n pool_kernel pool_stride 0)) /\ ((conv_transpose_size (sliding_window_size n pool_kernel pool_stride 0) up_kernel up_stride up_padding) = n) /\ ((sliding_window_size n head_kernel head_stride head_padding) = n))).

(* The obligations of a size n ≥ 1 imply that eight numbers of the config are not 0. *)
Definition nonzero_facts_statement : Prop := forall n pool_kernel pool_stride conv_kernel conv_stride conv_padding up_kernel up_stride up_padding head_kernel head_stride head_padding base_channels : nat,
  (((1 <= n) /\ ((sliding_window_size n conv_kernel conv_stride conv_padding) = n) /\ ((sliding_window_size (sliding_window_size n pool_kernel pool_stride 0) conv_kernel conv_stride conv_padding) = (sliding_window_size n pool_kernel pool_stride 0)) /\ ((conv_transpose_size (sliding_window_size n pool_kernel pool_stride 0) up_kernel up_stride up_padding) = n) /\ ((sliding_window_size n head_kernel head_stride head_padding) = n)) -> ((1 <= pool_kernel) /\ (1 <= pool_stride) /\ (1 <= conv_kernel) /\ (1 <= up_kernel) /\ (1 <= up_stride) /\ (1 <= head_kernel) /\ (1 <= conv_stride) /\ (1 <= head_stride))).

(* For the default config the obligations of n ≥ 1 hold exactly when n is even. *)
Definition default_obligations_statement : Prop := forall n : nat,
  ((1 <= n) -> ((((sliding_window_size n 3 1 1) = n) /\ ((sliding_window_size (sliding_window_size n 2 2 0) 3 1 1) = (sliding_window_size n 2 2 0)) /\ ((conv_transpose_size (sliding_window_size n 2 2 0) 2 2 0) = n) /\ ((sliding_window_size n 1 1 0) = n)) <-> (((n / 2) * 2) = n))).

(* By default an odd size n ≥ 3 comes back one smaller. *)
Definition odd_loses_one_statement : Prop := forall m : nat,
  ((1 <= m) -> ((conv_transpose_size (sliding_window_size ((2 * m) + 1) 2 2 0) 2 2 0) = (2 * m))).

(* Pooling and then upsampling with the same kernel k and stride s gives back n iff k ≤ n and s divides n - k. *)
Definition round_trip_statement : Prop := forall n k s : nat,
  (((1 <= n) /\ (1 <= k) /\ (1 <= s)) -> (((conv_transpose_size (sliding_window_size n k s 0) k s 0) = n) <-> ((k <= n) /\ ((((n - k) / s) * s) = (n - k))))).

(* If k ≤ n, pooling and then upsampling loses (n - k) mod s. *)
Definition round_trip_loss_statement : Prop := forall n k s : nat,
  (((1 <= k) /\ (1 <= s) /\ (k <= n)) -> (((conv_transpose_size (sliding_window_size n k s 0) k s 0) + ((n - k) - (((n - k) / s) * s))) = n)).

(* Pooling and upsampling twice gives the same size as once. *)
Definition round_trip_twice_statement : Prop := forall n k s : nat,
  (((1 <= k) /\ (1 <= s)) -> ((conv_transpose_size (sliding_window_size (conv_transpose_size (sliding_window_size n k s 0) k s 0) k s 0) k s 0) = (conv_transpose_size (sliding_window_size n k s 0) k s 0))).

(* With stride 1 and padding p, a convolution keeps a size n ≥ 1 iff its kernel is 2p + 1. *)
Definition conv_keeps_statement : Prop := forall n k p : nat,
  (((1 <= n) /\ (1 <= k)) -> (((sliding_window_size n k 1 p) = n) <-> (k = ((2 * p) + 1)))).

(* A sliding window is monotone: if m ≥ n, its result for m is at least its result for n. *)
Definition sliding_monotone_statement : Prop := forall n m k s p : nat,
  ((n <= m) -> ((sliding_window_size n k s p) <= (sliding_window_size m k s p))).

(* A transposed convolution is monotone: if m ≥ n, its result for m is at least its result for n. *)
Definition transposed_monotone_statement : Prop := forall n m k s p : nat,
  ((n <= m) -> ((conv_transpose_size n k s p) <= (conv_transpose_size m k s p))).

(* If the window fits, an image larger by one stride gives a result larger by 1. *)
Definition quasi_linear_statement : Prop := forall n k s p : nat,
  (((1 <= k) /\ (1 <= s) /\ (k <= (n + (2 * p)))) -> ((sliding_window_size (n + s) k s p) = ((sliding_window_size n k s p) + 1))).

(* Two unpadded windows in a row have the size of one window of kernel (k2 - 1)·s1 + k1 and stride s1·s2. *)
Definition composition_statement : Prop := forall n k1 s1 k2 s2 : nat,
  (((1 <= k1) /\ (1 <= s1) /\ (1 <= k2) /\ (1 <= s2)) -> ((sliding_window_size (sliding_window_size n k1 s1 0) k2 s2 0) = (sliding_window_size n (((k2 - 1) * s1) + k1) (s1 * s2) 0))).

(* A SAME convolution gives ceil(n / s): the only size m with (m - 1)·s < n ≤ m·s. *)
Definition same_is_ceil_statement : Prop := forall n k s : nat,
  (((1 <= n) /\ (1 <= k) /\ (1 <= s)) -> ((n <= ((((1 - (1 - k)) * 1) * ((n + (s - 1)) / s)) * s)) /\ ((((((1 - (1 - k)) * 1) * ((n + (s - 1)) / s)) * s) + 1) <= (n + s)))).

(* JAX's VALID transposed convolution, of size n·s + max(k - s, 0), has PyTorch's size iff k ≥ s. *)
Definition jax_valid_transposed_statement : Prop := forall n k s : nat,
  (((1 <= n) /\ (1 <= k) /\ (1 <= s)) -> ((((n * s) + (k - s)) = (conv_transpose_size n k s 0)) <-> (s <= k))).

(* A Window of a graph, with equal paddings, has the size that sliding_window_size gives. *)
Definition window_is_sliding_statement : Prop := forall n k s p : nat,
  ((window_size n k s p) = (sliding_window_size n k s p)).

(* A TransposedWindow of a graph, with equal paddings, has the size that conv_transpose_size gives. *)
Definition transposed_window_is_transposed_statement : Prop := forall n k s p : nat,
  ((transposed_size n k s p) = (conv_transpose_size n k s p)).

(* Resizing by f has the size of a transposed convolution of kernel and stride f. *)
Definition resize_is_transposed_statement : Prop := forall n f : nat,
  (((1 <= n) /\ (1 <= f)) -> ((((n * f) / 1) - 0) = (transposed_size n f f 0))).

(* Pooling by 2 in ceil mode has the size of a padded 3×3 window of stride 2. *)
Definition ceil_mode_statement : Prop := forall n : nat,
  ((1 <= n) -> ((1 * (((((((n + 0) + 0) + 2) + 1) - 2) / 2) - (((((((n + 0) + 0) + 2) + 1) - 2) / 2) - (((n + 0) + 1) / 2)))) = (1 * (((((n + 1) + 1) + 2) - 3) / 2)))).

(* Poolings by 2 on 1 level and their upsamplings agree iff n ≥ 1 and 2 divides n. *)
Definition levels_1_statement : Prop := forall n : nat,
  (((1 <= n) /\ (1 <= (window_size n 2 2 0)) /\ (1 <= (transposed_size (window_size n 2 2 0) 2 2 0)) /\ (n = (transposed_size (window_size n 2 2 0) 2 2 0))) <-> ((1 <= n) /\ (((n / 2) * 2) = n))).

(* Poolings by 2 on 2 levels and their upsamplings agree iff n ≥ 1 and 4 divides n. *)
Definition levels_2_statement : Prop := forall n : nat,
  (((1 <= n) /\ (1 <= (window_size n 2 2 0)) /\ (1 <= (window_size (window_size n 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size n 2 2 0) = (transposed_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size n 2 2 0) 2 2 0)) /\ (n = (transposed_size (window_size n 2 2 0) 2 2 0))) <-> ((1 <= n) /\ (((n / 4) * 4) = n))).

(* Poolings by 2 on 3 levels and their upsamplings agree iff n ≥ 1 and 8 divides n. *)
Definition levels_3_statement : Prop := forall n : nat,
  (((1 <= n) /\ (1 <= (window_size n 2 2 0)) /\ (1 <= (window_size (window_size n 2 2 0) 2 2 0)) /\ (1 <= (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size (window_size n 2 2 0) 2 2 0) = (transposed_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size n 2 2 0) = (transposed_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size n 2 2 0) 2 2 0)) /\ (n = (transposed_size (window_size n 2 2 0) 2 2 0))) <-> ((1 <= n) /\ (((n / 8) * 8) = n))).

(* Poolings by 2 on 4 levels and their upsamplings agree iff n ≥ 1 and 16 divides n. *)
Definition levels_4_statement : Prop := forall n : nat,
  (((1 <= n) /\ (1 <= (window_size n 2 2 0)) /\ (1 <= (window_size (window_size n 2 2 0) 2 2 0)) /\ (1 <= (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) = (transposed_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size (window_size n 2 2 0) 2 2 0) = (transposed_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size n 2 2 0) = (transposed_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size n 2 2 0) 2 2 0)) /\ (n = (transposed_size (window_size n 2 2 0) 2 2 0))) <-> ((1 <= n) /\ (((n / 16) * 16) = n))).

(* Poolings by 2 on 5 levels and their upsamplings agree iff n ≥ 1 and 32 divides n. *)
Definition levels_5_statement : Prop := forall n : nat,
  (((1 <= n) /\ (1 <= (window_size n 2 2 0)) /\ (1 <= (window_size (window_size n 2 2 0) 2 2 0)) /\ (1 <= (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (window_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) = (transposed_size (window_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) = (transposed_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size (window_size n 2 2 0) 2 2 0) = (transposed_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size n 2 2 0) = (transposed_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size n 2 2 0) 2 2 0)) /\ (n = (transposed_size (window_size n 2 2 0) 2 2 0))) <-> ((1 <= n) /\ (((n / 32) * 32) = n))).

(* Poolings by 2 on 6 levels and their upsamplings agree iff n ≥ 1 and 64 divides n. *)
Definition levels_6_statement : Prop := forall n : nat,
  (((1 <= n) /\ (1 <= (window_size n 2 2 0)) /\ (1 <= (window_size (window_size n 2 2 0) 2 2 0)) /\ (1 <= (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (window_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (window_size (window_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0) = (transposed_size (window_size (window_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) = (transposed_size (window_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) = (transposed_size (window_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size (window_size n 2 2 0) 2 2 0) = (transposed_size (window_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0)) /\ ((window_size n 2 2 0) = (transposed_size (window_size (window_size n 2 2 0) 2 2 0) 2 2 0)) /\ (1 <= (transposed_size (window_size n 2 2 0) 2 2 0)) /\ (n = (transposed_size (window_size n 2 2 0) 2 2 0))) <-> ((1 <= n) /\ (((n / 64) * 64) = n))).

(* One more level around L levels, with q = 2^L: n fits, with n/2 = q·t, iff n = 2q·t. *)
Definition one_more_level_statement : Prop := forall n q t : nat,
  ((1 <= n) -> ((((1 <= n) /\ (1 <= (window_size n 2 2 0)) /\ (1 <= (transposed_size (window_size n 2 2 0) 2 2 0)) /\ (n = (transposed_size (window_size n 2 2 0) 2 2 0))) /\ ((window_size n 2 2 0) = (q * t))) <-> (n = (2 * (q * t))))).

(* If the window fits, the first edition's sliding formula agrees with ours. *)
Definition sliding_editions_agree_statement : Prop := forall n k s p : nat,
  (((1 <= k) /\ (1 <= s) /\ (k <= (n + (2 * p)))) -> ((sliding_window_size n k s p) = ((((n + (2 * p)) - k) / s) + 1))).

(* If (n - 1)·s ≥ 2p, the first edition's transposed formula agrees with ours. *)
Definition transposed_editions_agree_statement : Prop := forall n k s p : nat,
  (((1 <= n) /\ (1 <= k) /\ (1 <= s) /\ ((2 * p) <= ((n - 1) * s))) -> ((conv_transpose_size n k s p) = ((((n - 1) * s) - (2 * p)) + k))).

(* The first edition's sliding formula agrees with ours for every positive size, kernel and stride. *)
Definition sliding_editions_agree_everywhere_statement : Prop := ~ (forall n k s p : nat,
  (((1 <= n) /\ (1 <= k) /\ (1 <= s)) -> ((sliding_window_size n k s p) = ((((n + (2 * p)) - k) / s) + 1)))).

(* The first edition's transposed formula agrees with ours for every positive size, kernel and stride. *)
Definition transposed_editions_agree_everywhere_statement : Prop := ~ (forall n k s p : nat,
  (((1 <= n) /\ (1 <= k) /\ (1 <= s)) -> ((conv_transpose_size n k s p) = ((((n - 1) * s) - (2 * p)) + k)))).

(* The first edition's obligations of a size n ≥ 1 imply that the same eight numbers are not 0. *)
Definition nonzero_facts_of_the_first_edition_statement : Prop := ~ (forall n pool_kernel pool_stride conv_kernel conv_stride conv_padding up_kernel up_stride up_padding head_kernel head_stride head_padding base_channels : nat,
  (((1 <= n) /\ (((((n + (2 * conv_padding)) - conv_kernel) / conv_stride) + 1) = n) /\ (((((((((n + 0) - pool_kernel) / pool_stride) + 1) + (2 * conv_padding)) - conv_kernel) / conv_stride) + 1) = ((((n + 0) - pool_kernel) / pool_stride) + 1)) /\ (((((((((n + 0) - pool_kernel) / pool_stride) + 1) - 1) * up_stride) - (2 * up_padding)) + up_kernel) = n) /\ (((((n + (2 * head_padding)) - head_kernel) / head_stride) + 1) = n)) -> ((1 <= pool_kernel) /\ (1 <= pool_stride) /\ (1 <= conv_kernel) /\ (1 <= up_kernel) /\ (1 <= up_stride) /\ (1 <= head_kernel) /\ (1 <= conv_stride) /\ (1 <= head_stride)))).

(* The first edition's obligations of a size n ≥ 1 imply that every operation is accepted. *)
Definition soundness_of_the_first_edition_statement : Prop := ~ (forall n pool_kernel pool_stride conv_kernel conv_stride conv_padding up_kernel up_stride up_padding head_kernel head_stride head_padding base_channels in_channels out_channels : nat,
  (((1 <= n) /\ (1 <= base_channels) /\ (1 <= in_channels) /\ (1 <= out_channels) /\ (((((n + (2 * conv_padding)) - conv_kernel) / conv_stride) + 1) = n) /\ (((((((((n + 0) - pool_kernel) / pool_stride) + 1) + (2 * conv_padding)) - conv_kernel) / conv_stride) + 1) = ((((n + 0) - pool_kernel) / pool_stride) + 1)) /\ (((((((((n + 0) - pool_kernel) / pool_stride) + 1) - 1) * up_stride) - (2 * up_padding)) + up_kernel) = n) /\ (((((n + (2 * head_padding)) - head_kernel) / head_stride) + 1) = n)) -> ((((1 <= pool_kernel) /\ (1 <= pool_stride) /\ (1 <= conv_kernel) /\ (1 <= up_kernel) /\ (1 <= up_stride) /\ (1 <= head_kernel) /\ (1 <= conv_stride) /\ (1 <= head_stride)) /\ (pool_kernel <= n) /\ (conv_kernel <= (n + (2 * conv_padding))) /\ (conv_kernel <= ((sliding_window_size n pool_kernel pool_stride 0) + (2 * conv_padding))) /\ (1 <= (sliding_window_size n pool_kernel pool_stride 0)) /\ (((2 * up_padding) + 1) <= ((((sliding_window_size n pool_kernel pool_stride 0) - 1) * up_stride) + up_kernel)) /\ (head_kernel <= (n + (2 * head_padding)))) /\ (1 <= in_channels) /\ (1 <= (1 * base_channels)) /\ (1 <= (2 * base_channels)) /\ (1 <= out_channels)))).

(* Output position i of a window reads the input positions q with q + p = i·s + j for a j < k: no others. *)
Definition window_reads_statement : Prop := forall i q k s p : nat,
  ((1 <= k) -> ((((((i * s) + 0) / 1) <= (q + p)) /\ ((q + p) <= (((i * s) + (1 * (k - 1))) / 1))) <-> (((i * s) <= (q + p)) /\ ((((q + p) - (i * s)) + 1) <= k)))).

(* A window of dilation d reads q if q + p = i·s + d·j for a j < k: nothing beyond what is stated, and its ends. *)
Definition dilated_window_reads_statement : Prop := forall i q j k s d p : nat,
  ((((j + 1) <= k) /\ ((q + p) = ((i * s) + (d * j)))) -> ((((((i * s) + 0) / 1) = (i * s)) /\ ((((i * s) + (d * (k - 1))) / 1) = ((i * s) + (d * (k - 1))))) /\ (((((i * s) + 0) / 1) <= (q + p)) /\ ((q + p) <= (((i * s) + (d * (k - 1))) / 1))))).

(* Output position i of a transposed window reads the input positions q with i + p = q·s + j for a j < k: no others. *)
Definition transposed_window_reads_statement : Prop := forall i q k s p : nat,
  (((1 <= k) /\ (1 <= s)) -> ((((((i * 1) + (((p + ((((1 * (k - 1)) - p) / s) * s)) + (s - 1)) - (1 * (k - 1)))) / s) <= (q + (((1 * (k - 1)) - p) / s))) /\ ((q + (((1 * (k - 1)) - p) / s)) <= (((i * 1) + (p + ((((1 * (k - 1)) - p) / s) * s))) / s))) <-> (((q * s) <= (i + p)) /\ ((((i + p) - (q * s)) + 1) <= k)))).

(* A transposed window of dilation d reads q if i + p = q·s + d·j for a j < k: nothing beyond what is stated. *)
Definition dilated_transposed_window_reads_statement : Prop := forall i q j k s d p : nat,
  (((1 <= s) /\ ((j + 1) <= k) /\ ((i + p) = ((q * s) + (d * j)))) -> (((((i * 1) + (((p + ((((d * (k - 1)) - p) / s) * s)) + (s - 1)) - (d * (k - 1)))) / s) <= (q + (((d * (k - 1)) - p) / s))) /\ ((q + (((d * (k - 1)) - p) / s)) <= (((i * 1) + (p + ((((d * (k - 1)) - p) / s) * s))) / s)))).

(* A SAME window on n positions reads as a window padded by half of what it lacks, rounded down: p. *)
Definition same_window_reads_statement : Prop := forall i q n k s p : nat,
  (((1 <= k) /\ (1 <= s) /\ ((2 * p) <= (((((((1 - (1 - k)) * 1) * ((n + (s - 1)) / s)) - 1) * s) + k) - n)) /\ ((((((((1 - (1 - k)) * 1) * ((n + (s - 1)) / s)) - 1) * s) + k) - n) <= ((2 * p) + 1))) -> ((((((i * s) + 0) / 1) <= (q + (((((((n + (s - 1)) / s) - 1) * s) + ((1 * (k - 1)) + 1)) - n) / 2))) /\ ((q + (((((((n + (s - 1)) / s) - 1) * s) + ((1 * (k - 1)) + 1)) - n) / 2)) <= (((i * s) + (1 * (k - 1))) / 1))) <-> (((i * s) <= (q + p)) /\ ((((q + p) - (i * s)) + 1) <= k)))).

(* A crop or a padding to the size of another input has half of the difference before it, rounded down: c. *)
Definition centred_crop_and_pad_read_statement : Prop := forall i q n m c : nat,
  ((((m + (2 * c)) <= n) /\ (n <= ((m + (2 * c)) + 1))) -> (((((((i * 1) + ((n - m) / 2)) / 1) <= (q + 0)) /\ ((q + 0) <= (((i * 1) + ((n - m) / 2)) / 1))) <-> (q = (i + c))) /\ ((((((i * 1) + 0) / 1) <= (q + ((n - m) / 2))) /\ ((q + ((n - m) / 2)) <= (((i * 1) + 0) / 1))) <-> ((q + c) = i)))).

(* A nearest resize by f/o reads one position: floor(i·o / f). *)
Definition nearest_resize_reads_statement : Prop := forall i q f o : nat,
  (((1 <= f) /\ (1 <= o)) -> ((((((i * o) + 0) / f) <= (q + 0)) /\ ((q + 0) <= (((i * o) + 0) / f))) <-> (q = ((i * o) / f)))).

(* An exact nearest resize by f/o reads one position: floor((i + 1/2)·o / f). *)
Definition exact_nearest_resize_reads_statement : Prop := forall i q f o : nat,
  (((1 <= f) /\ (1 <= o)) -> ((((((i * (2 * o)) + o) / (2 * f)) <= (q + 0)) /\ ((q + 0) <= (((i * (2 * o)) + o) / (2 * f)))) <-> (q = ((((2 * i) + 1) * o) / (2 * f))))).

(* A linear resize by f/o reads the nearest positions up and down from x = (i + 1/2)·o/f - 1/2. *)
Definition linear_resize_reads_statement : Prop := forall i f o : nat,
  (((1 <= f) /\ (1 <= o)) -> (((((((i * (2 * o)) + (o + f)) / (2 * f)) * (2 * f)) <= ((((2 * i) + 1) * o) + f)) /\ ((((((2 * i) + 1) * o) + f) + 1) <= (((((i * (2 * o)) + (o + f)) / (2 * f)) + 1) * (2 * f)))) /\ ((((((2 * i) + 1) * o) + f) <= ((((i * (2 * o)) + ((o + (2 * f)) + (f - 1))) / (2 * f)) * (2 * f))) /\ ((((((i * (2 * o)) + ((o + (2 * f)) + (f - 1))) / (2 * f)) * (2 * f)) + 1) <= (((((2 * i) + 1) * o) + f) + (2 * f)))))).

(* Space to depth by f reads the positions i·f + j for j < f, and no others. *)
Definition space_to_depth_reads_statement : Prop := forall i q f : nat,
  ((1 <= f) -> ((((((i * f) + 0) / 1) <= (q + 0)) /\ ((q + 0) <= (((i * f) + (f - 1)) / 1))) <-> (((i * f) <= q) /\ (((q - (i * f)) + 1) <= f)))).

(* Depth to space by f reads the one position q with i = q·f + j for a j < f. *)
Definition depth_to_space_reads_statement : Prop := forall i q f : nat,
  ((1 <= f) -> ((((((i * 1) + 0) / f) <= (q + 0)) /\ ((q + 0) <= (((i * 1) + 0) / f))) <-> (((q * f) <= i) /\ (((i - (q * f)) + 1) <= f)))).

(* Output position i of a crop of c before reads position i + c; that of a padding reads the q with q + c = i. *)
Definition crop_and_pad_read_statement : Prop := forall i q c : nat,
  (((((((i * 1) + c) / 1) <= (q + 0)) /\ ((q + 0) <= (((i * 1) + c) / 1))) <-> (q = (i + c))) /\ ((((((i * 1) + 0) / 1) <= (q + c)) /\ ((q + c) <= (((i * 1) + 0) / 1))) <-> ((q + c) = i))).

(* Two windows in a row read what one window of kernel (k2 - 1)·s1 + k1 and stride s1·s2 reads. *)
Definition two_windows_read_as_one_statement : Prop := forall i k1 s1 p1 k2 s2 p2 : nat,
  (((1 <= k1) /\ (1 <= k2)) -> (((((i * (s1 * s2)) + 0) / 1) = ((((((i * s2) + 0) / 1) * s1) + 0) / 1)) /\ ((((i * (s1 * s2)) + (1 * ((((k2 - 1) * s1) + k1) - 1))) / 1) = ((((((i * s2) + (1 * (k2 - 1))) / 1) * s1) + (1 * (k1 - 1))) / 1)))).

(* If v output positions stand at u input positions, position i + v reads what position i reads, u positions later. *)
Definition reading_moves_along_statement : Prop := forall i u v a b first last outside : nat,
  (((1 <= b) /\ ((v * a) = (u * b))) -> ((((((i + v) * a) + first) / b) = ((((i * a) + first) / b) + u)) /\ (((((i + v) * a) + last) / b) = ((((i * a) + last) / b) + u)))).

(* An output position reads nothing before the input position e iff it is at least start_after(e). *)
Definition start_after_statement : Prop := forall i e a b first last outside : nat,
  (((1 <= a) /\ (1 <= b)) -> (((e + outside) <= (((i * a) + first) / b)) <-> ((((((e + outside) * b) - first) + (a - 1)) / a) <= i))).

(* An output position reads only before the input position e iff it is less than stop_before(e). *)
Definition stop_before_statement : Prop := forall i e a b first last outside : nat,
  (((1 <= a) /\ (1 <= b)) -> ((((((i * a) + last) / b) + 1) <= (e + outside)) <-> ((i + 1) <= (((((e + outside) * b) + a) - (last + 1)) / a)))).

(* A position that is valid in a tile reads in the image, where it stands v positions later, only valid positions. *)
Definition tile_reads_as_image_statement : Prop := forall i u v low high a b first last outside : nat,
  (((1 <= a) /\ (1 <= b) /\ ((v * a) = (u * b)) /\ (((((((low + outside) * b) - first) + (a - 1)) / a) <= i) /\ ((i + 1) <= (((((high + outside) * b) + a) - (last + 1)) / a)))) -> ((((low + u) + outside) <= ((((i + v) * a) + first) / b)) /\ ((((((i + v) * a) + last) / b) + 1) <= ((high + u) + outside)))).

(* The core of the next tile begins where the last core ends, and is not empty. *)
Definition cores_partition_statement : Prop := forall reached low high s : nat,
  (((1 <= s) /\ (low <= reached) /\ ((low + s) <= high)) -> (((low + (((reached - low) / s) * s)) <= reached) /\ ((reached + 1) <= (high + (((reached - low) / s) * s))))).

(* If a tile has all input positions that an output position reads, it also has all positions of the node between. *)
Definition halo_at_the_input_is_enough_statement : Prop := ~ (forall i u k s p : nat,
  (((1 <= k) /\ (1 <= s) /\ (1 <= u) /\ (1 <= i) /\ ((u + (((1 * (k - 1)) - p) / s)) <= (((((((i * 1) + 0) / 1) - 1) * 1) + (((p + ((((1 * (k - 1)) - p) / s) * s)) + (s - 1)) - (1 * (k - 1)))) / s))) -> ((u * s) <= ((((i * 1) + 0) / 1) - 1)))).
