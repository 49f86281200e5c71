(* Proofs, without axioms, of the statements in statements.v: `X` proves `X_statement`. Written by hand.
   Checked by `coqc statements.v && coqc proofs.v`, and by `prove(theorem, by="coq")`. *)
Require Import Arith Lia ZArith ZifyNat.
Require Import statements.

(* Let lia reason about division by a known number. *)
Ltac Zify.zify_post_hook ::= Z.to_euclidean_division_equations.

(* Sliding windows: when the size is zero, and its formula otherwise. *)

Lemma sliding_unless_zero n k s p :
  1 <= k -> sliding_window_size n k s p = (n + 2 * p + s - k) / s.
Proof. intros. unfold sliding_window_size. replace (1 - (1 - k)) with 1 by lia. apply Nat.mul_1_l. Qed.

Lemma sliding_kernel_0 n s p : sliding_window_size n 0 s p = 0.
Proof. reflexivity. Qed.

Lemma sliding_stride_0 n k p : sliding_window_size n k 0 p = 0.
Proof. apply Nat.mul_0_r. Qed.

Lemma sliding_small n k s p : n + 2 * p < k -> sliding_window_size n k s p = 0.
Proof.
  intros. destruct s as [|s]; [apply sliding_stride_0|].
  rewrite sliding_unless_zero by lia. apply Nat.div_small. lia.
Qed.

Lemma sliding_fits n k s p :
  1 <= k -> 1 <= s -> k <= n + 2 * p -> sliding_window_size n k s p = (n + 2 * p - k) / s + 1.
Proof.
  intros. rewrite sliding_unless_zero by lia.
  replace (n + 2 * p + s - k) with (n + 2 * p - k + 1 * s) by lia. apply Nat.div_add. lia.
Qed.

Lemma sliding_positive n k s p :
  1 <= sliding_window_size n k s p -> 1 <= k /\ 1 <= s /\ k <= n + 2 * p.
Proof.
  intros positive. destruct k; [rewrite sliding_kernel_0 in positive; lia|].
  destruct s; [rewrite sliding_stride_0 in positive; lia|].
  destruct (Nat.lt_ge_cases (n + 2 * p) (S k)) as [small|]; [|lia].
  rewrite (sliding_small _ _ (S s) _ small) in positive. lia.
Qed.

(* The quotient q and the rest r have names, so that lia meets no division. *)
Lemma sliding_rest n k s :
  1 <= k -> 1 <= s -> k <= n -> exists q r, r < s /\ n = k + q * s + r
    /\ (n - k) / s = q /\ sliding_window_size n k s 0 = q + 1.
Proof.
  intros. exists ((n - k) / s), ((n - k) mod s).
  pose proof (Nat.div_mod (n - k) s). pose proof (Nat.mod_upper_bound (n - k) s).
  rewrite sliding_fits by lia. replace (n + 2 * 0 - k) with (n - k) by lia. lia.
Qed.

(* The same for transposed convolutions. *)

Lemma transposed_spec n k s p :
  1 <= n -> 1 <= k -> 1 <= s -> conv_transpose_size n k s p = (n - 1) * s + k - 2 * p.
Proof.
  intros. unfold conv_transpose_size.
  replace (1 - (1 - n)) with 1 by lia. replace (1 - (1 - k)) with 1 by lia. replace (1 - (1 - s)) with 1 by lia.
  apply Nat.mul_1_l.
Qed.

Lemma transposed_of_0 k s p : conv_transpose_size 0 k s p = 0.
Proof. reflexivity. Qed.

Lemma transposed_positive n k s p : 1 <= conv_transpose_size n k s p ->
  1 <= n /\ 1 <= k /\ 1 <= s /\ 2 * p + 1 <= (n - 1) * s + k.
Proof.
  intros positive. assert (1 <= n /\ 1 <= k /\ 1 <= s) as [? [? ?]].
  { unfold conv_transpose_size in positive. destruct n, k, s; simpl in positive; lia. }
  rewrite transposed_spec in positive by assumption. lia.
Qed.

(* Pooling and then upsampling with the same kernel and stride. *)

Lemma round_trip_small n k s : n < k -> conv_transpose_size (sliding_window_size n k s 0) k s 0 = 0.
Proof. intros. rewrite sliding_small by lia. apply transposed_of_0. Qed.

Lemma round_trip_fits n k s : 1 <= k -> 1 <= s -> k <= n -> exists q r, r < s /\ n = k + q * s + r
  /\ (n - k) / s = q /\ conv_transpose_size (sliding_window_size n k s 0) k s 0 = k + q * s.
Proof.
  intros. destruct (sliding_rest n k s) as (q & r & ? & ? & ? & size); [assumption..|].
  exists q, r. repeat split; [assumption..|].
  rewrite size, transposed_spec by lia. replace (q + 1 - 1) with q by lia. lia.
Qed.

(* The windows of a graph, which have a dilation and a padding on each side. *)

Lemma window_sliding n k s p : window_size n k s p = sliding_window_size n k s p.
Proof.
  unfold window_size, sliding_window_size. destruct k as [|k]; [reflexivity|].
  rewrite Nat.mul_1_r. do 2 f_equal. lia.
Qed.

Lemma transposed_window n k s p : transposed_size n k s p = conv_transpose_size n k s p.
Proof.
  unfold transposed_size, conv_transpose_size. destruct k as [|k]; [cbn; rewrite !Nat.mul_0_r; reflexivity|].
  rewrite Nat.mul_1_r. f_equal. lia.
Qed.

(* Pooling and upsampling by 2 in a network. *)

Lemma window_halves n : window_size n 2 2 0 = n / 2.
Proof. rewrite window_sliding, sliding_unless_zero by lia. f_equal. lia. Qed.

Lemma transposed_doubles n : transposed_size n 2 2 0 = 2 * n.
Proof. rewrite transposed_window. destruct n; [reflexivity|]. rewrite transposed_spec by lia. lia. Qed.

Ltac levels := intros n; rewrite ?window_halves, ?transposed_doubles; lia.

(* The theorems, in the order of statements.v. *)

Theorem soundness : soundness_statement.
Proof.
  intros n pk ps ck cs cp uk us up hk hs hp base ins outs (? & ? & ? & ? & same & same_down & back & head).
  destruct (sliding_positive n ck cs cp) as (? & ? & ?); [lia|].
  destruct (sliding_positive n hk hs hp) as (? & ? & ?); [lia|].
  destruct (transposed_positive (sliding_window_size n pk ps 0) uk us up) as (? & ? & ? & ?); [lia|].
  destruct (sliding_positive n pk ps 0) as (? & ? & ?); [lia|].
  destruct (sliding_positive (sliding_window_size n pk ps 0) ck cs cp) as (? & ? & ?); [lia|].
  repeat split; lia.
Qed.

Theorem exactness : exactness_statement.
Proof.
  intros n pk ps ck cs cp uk us up hk hs hp base _. split.
  - intros (same & same_down & back & head).
    rewrite !same, !same_down, ?same, ?same_down. auto 10.
  - intros (same & H). rewrite !same in H. destruct H as (_ & back & _ & _ & head & _ & same_down & _).
    rewrite !same_down in back. auto.
Qed.

Theorem graph_obligations : graph_obligations_statement.
Proof.
  intros n pk ps ck cs cp uk us up hk hs hp base. rewrite !window_sliding, !transposed_window. split.
  - intros (positive & _ & same & H). rewrite !same in H.
    destruct H as (_ & _ & _ & _ & same_down & H). rewrite !same_down in H.
    destruct H as (_ & _ & _ & back & _ & _ & _ & _ & _ & head). auto.
  - intros (positive & same & same_down & back & head).
    destruct (transposed_positive (sliding_window_size n pk ps 0) uk us up) as (? & _); [lia|].
    rewrite !same, !same_down, ?same, ?same_down, ?back, ?head. auto 20.
Qed.

Theorem nonzero_facts : nonzero_facts_statement.
Proof.
  intros n pk ps ck cs cp uk us up hk hs hp base (positive & obligations).
  destruct (soundness n pk ps ck cs cp uk us up hk hs hp 1 1 1) as ((nonzero & _) & _); [|exact nonzero].
  assert (1 <= 1) by lia. tauto.
Qed.

Theorem default_obligations : default_obligations_statement.
Proof.
  intros n ?. rewrite !sliding_unless_zero by lia.
  destruct (Nat.eq_dec n 1) as [->|]; [cbv; lia|].
  rewrite transposed_spec by lia. lia.
Qed.

Theorem odd_loses_one : odd_loses_one_statement.
Proof. intros m ?. rewrite sliding_unless_zero by lia. rewrite transposed_spec by lia. lia. Qed.

Theorem round_trip : round_trip_statement.
Proof.
  intros n k s (? & ? & ?). destruct (Nat.lt_ge_cases n k).
  - rewrite round_trip_small by assumption. lia.
  - destruct (round_trip_fits n k s) as (q & r & ? & ? & -> & ->); lia.
Qed.

Theorem round_trip_loss : round_trip_loss_statement.
Proof. intros n k s (? & ? & ?). destruct (round_trip_fits n k s) as (q & r & ? & ? & -> & ->); lia. Qed.

Theorem round_trip_twice : round_trip_twice_statement.
Proof.
  intros n k s (? & ?). destruct (Nat.lt_ge_cases n k).
  - rewrite (round_trip_small n) by assumption. apply round_trip_small. lia.
  - destruct (round_trip_fits n k s) as (q & r & ? & ? & _ & ->); [lia..|].
    apply round_trip; [lia|]. split; [lia|].
    replace (k + q * s - k) with (q * s) by lia. rewrite Nat.div_mul; lia.
Qed.

Theorem conv_keeps : conv_keeps_statement.
Proof. intros n k p (? & ?). rewrite sliding_unless_zero by assumption. rewrite Nat.div_1_r. lia. Qed.

Theorem sliding_monotone : sliding_monotone_statement.
Proof.
  intros n m k s p ?. destruct s as [|s]; [rewrite !sliding_stride_0; lia|].
  apply Nat.mul_le_mono_l, Nat.div_le_mono; lia.
Qed.

Theorem transposed_monotone : transposed_monotone_statement.
Proof.
  intros n m k s p ?. unfold conv_transpose_size.
  repeat apply Nat.mul_le_mono; try apply Nat.sub_le_mono_r, Nat.add_le_mono_r, Nat.mul_le_mono_r; lia.
Qed.

Theorem quasi_linear : quasi_linear_statement.
Proof.
  intros n k s p (? & ? & ?). rewrite !sliding_fits by lia.
  replace (n + s + 2 * p - k) with (n + 2 * p - k + 1 * s) by lia. rewrite Nat.div_add; lia.
Qed.

Theorem composition : composition_statement.
Proof.
  intros n k1 s1 k2 s2 (? & ? & ? & ?). destruct (Nat.lt_ge_cases n k1).
  - rewrite (sliding_small n k1), !sliding_small by nia. reflexivity.
  - destruct (sliding_rest n k1 s1) as (q & r & ? & size & _ & ->); [assumption..|].
    rewrite !sliding_unless_zero, <- Nat.div_div by nia. f_equal.
    (* The numerators over s2 are left. If the first is not truncated to 0, then s1 times it, plus the rest r, is the
       numerator of the composed window: n + s1·s2 less its kernel. *)
    destruct (Nat.lt_ge_cases (q + s2 + 1) k2).
    + replace (q + 1 + 2 * 0 + s2 - k2) with 0 by lia. symmetry. apply Nat.div_small. nia.
    + apply Nat.div_unique with r; [assumption|]. nia.
Qed.

Theorem same_is_ceil : same_is_ceil_statement.
Proof.
  intros n k s (? & ? & ?). replace (1 - (1 - k)) with 1 by lia. rewrite !Nat.mul_1_l.
  pose proof (Nat.div_mod (n + (s - 1)) s). pose proof (Nat.mod_upper_bound (n + (s - 1)) s). lia.
Qed.

Theorem jax_valid_transposed : jax_valid_transposed_statement.
Proof.
  intros n k s (? & ? & ?). rewrite transposed_spec by assumption. destruct n as [|n]; [lia|].
  replace (S n - 1) with n by lia. lia.
Qed.

Theorem window_is_sliding : window_is_sliding_statement.
Proof. exact window_sliding. Qed.

Theorem transposed_window_is_transposed : transposed_window_is_transposed_statement.
Proof. exact transposed_window. Qed.

Theorem resize_is_transposed : resize_is_transposed_statement.
Proof.
  intros n f (? & ?). rewrite transposed_window, transposed_spec, Nat.div_1_r by assumption.
  destruct n as [|n]; [lia|]. replace (S n - 1) with n by lia. lia.
Qed.

Theorem ceil_mode : ceil_mode_statement.
Proof. intros n ?. lia. Qed.

Theorem levels_1 : levels_1_statement.
Proof. levels. Qed.

Theorem levels_2 : levels_2_statement.
Proof. levels. Qed.

Theorem levels_3 : levels_3_statement.
Proof. levels. Qed.

Theorem levels_4 : levels_4_statement.
Proof. levels. Qed.

Theorem levels_5 : levels_5_statement.
Proof. levels. Qed.

Theorem levels_6 : levels_6_statement.
Proof. levels. Qed.

Theorem one_more_level : one_more_level_statement.
Proof. intros n q t ?. rewrite window_halves, transposed_doubles. lia. Qed.

Theorem sliding_editions_agree : sliding_editions_agree_statement.
Proof. intros n k s p (? & ? & ?). apply sliding_fits; assumption. Qed.

Theorem transposed_editions_agree : transposed_editions_agree_statement.
Proof. intros n k s p (? & ? & ? & ?). rewrite transposed_spec by assumption. lia. Qed.

(* The refuted statements, by their counterexamples in size_theorems.py and tile_theorems.py. *)

Theorem sliding_editions_agree_everywhere : sliding_editions_agree_everywhere_statement.
Proof. intros H. specialize (H 1 2 1 0). cbv in H. lia. Qed.

Theorem transposed_editions_agree_everywhere : transposed_editions_agree_everywhere_statement.
Proof. intros H. specialize (H 1 1 1 1). cbv in H. lia. Qed.

Theorem nonzero_facts_of_the_first_edition : nonzero_facts_of_the_first_edition_statement.
Proof. intros H. specialize (H 1 0 0 0 0 0 1 0 0 0 0 0 0). cbv in H. lia. Qed.

Theorem soundness_of_the_first_edition : soundness_of_the_first_edition_statement.
Proof. intros H. specialize (H 1 0 0 0 0 0 1 0 0 0 0 0 1 1 1). cbv in H. lia. Qed.

(* Tiles: what operations read. A quotient is compared without dividing. *)

Lemma at_least x b e : 1 <= b -> (e <= x / b <-> e * b <= x).
Proof.
  intros. pose proof (Nat.div_mod x b). pose proof (Nat.mod_upper_bound x b).
  revert H0 H1. generalize (x / b) (x mod b). intros q r. split; nia.
Qed.

Lemma at_most x b e : 1 <= b -> (x / b <= e <-> x < (e + 1) * b).
Proof. intros. pose proof (at_least x b (e + 1)). lia. Qed.

Lemma moved x y b u : 1 <= b -> y = x + u * b -> y / b = x / b + u.
Proof. intros ? ->. apply Nat.div_add. lia. Qed.

Theorem window_reads : window_reads_statement.
Proof. intros i q k s p ?. rewrite !Nat.div_1_r. generalize (i * s). lia. Qed.

Theorem dilated_window_reads : dilated_window_reads_statement.
Proof.
  intros i q j k s d p (? & ?). rewrite !Nat.div_1_r. assert (d * j <= d * (k - 1)) as most by (apply Nat.mul_le_mono_l; lia).
  revert H0 most. generalize (d * j) (d * (k - 1)) (i * s). lia.
Qed.

Theorem transposed_window_reads : transposed_window_reads_statement.
Proof.
  intros i q k s p (? & ?). rewrite !Nat.mul_1_l, Nat.mul_1_r.
  assert (k - 1 - p < ((k - 1 - p) / s + 1) * s) as enough by (apply at_most; lia).
  revert enough. generalize ((k - 1 - p) / s). intros c.
  rewrite at_most, at_least, !Nat.mul_add_distr_r, Nat.mul_1_l by assumption.
  generalize (q * s) (c * s). lia.
Qed.

Theorem dilated_transposed_window_reads : dilated_transposed_window_reads_statement.
Proof.
  intros i q j k s d p (? & ? & stands). assert (d * j <= d * (k - 1)) as most by (apply Nat.mul_le_mono_l; lia).
  rewrite Nat.mul_1_r.
  assert (d * (k - 1) - p < ((d * (k - 1) - p) / s + 1) * s) as enough by (apply at_most; lia).
  revert enough. generalize ((d * (k - 1) - p) / s). intros c.
  rewrite at_most, at_least, !Nat.mul_add_distr_r, Nat.mul_1_l by assumption.
  revert stands most. generalize (d * j) (d * (k - 1)) (q * s) (c * s). lia.
Qed.

Theorem same_window_reads : same_window_reads_statement.
Proof.
  intros i q n k s p (? & ? & low & high). rewrite !Nat.div_1_r. revert low high.
  replace (1 - (1 - k)) with 1 by lia. rewrite !Nat.mul_1_l.
  generalize (((n + (s - 1)) / s - 1) * s) (i * s). intros z t low high.
  replace (z + (k - 1) + 1 - n) with (z + k - n) by lia.
  assert ((z + k - n) / 2 = p) as -> by lia. lia.
Qed.

Theorem centred_crop_and_pad_read : centred_crop_and_pad_read_statement.
Proof. intros i q n m c (? & ?). rewrite !Nat.div_1_r. lia. Qed.

Theorem nearest_resize_reads : nearest_resize_reads_statement.
Proof. intros i q f o ?. rewrite !Nat.add_0_r. generalize (i * o / f). lia. Qed.

Theorem exact_nearest_resize_reads : exact_nearest_resize_reads_statement.
Proof.
  intros i q f o ?. rewrite !Nat.add_0_r. replace (i * (2 * o) + o) with ((2 * i + 1) * o) by lia.
  generalize ((2 * i + 1) * o / (2 * f)). lia.
Qed.

Theorem linear_resize_reads : linear_resize_reads_statement.
Proof.
  intros i f o (? & ?). assert (1 <= 2 * f) as two by lia.
  replace ((2 * i + 1) * o + f) with (i * (2 * o) + (o + f)) by lia.
  replace (i * (2 * o) + (o + 2 * f + (f - 1))) with (i * (2 * o) + (o + f) + (2 * f - 1)) by lia.
  generalize (i * (2 * o) + (o + f)). intros x.
  rewrite <- (at_least x _ (x / (2 * f))) by assumption.
  pose proof (at_most x (2 * f) (x / (2 * f)) two).
  pose proof (at_least (x + (2 * f - 1)) (2 * f) ((x + (2 * f - 1)) / (2 * f)) two).
  pose proof (at_most (x + (2 * f - 1)) (2 * f) ((x + (2 * f - 1)) / (2 * f)) two).
  repeat split; lia.
Qed.

Theorem space_to_depth_reads : space_to_depth_reads_statement.
Proof. intros i q f ?. rewrite !Nat.div_1_r. generalize (i * f). lia. Qed.

Theorem depth_to_space_reads : depth_to_space_reads_statement.
Proof.
  intros i q f ?. rewrite Nat.mul_1_r, !Nat.add_0_r, at_most, at_least, Nat.mul_add_distr_r by assumption.
  generalize (q * f). lia.
Qed.

Theorem crop_and_pad_read : crop_and_pad_read_statement.
Proof. intros i q c. rewrite !Nat.div_1_r. lia. Qed.

Theorem two_windows_read_as_one : two_windows_read_as_one_statement.
Proof. intros i k1 s1 p1 k2 s2 p2 ?. rewrite !Nat.div_1_r. nia. Qed.

Theorem reading_moves_along : reading_moves_along_statement.
Proof. intros i u v a b first last outside (? & moves). split; apply moved; nia. Qed.

Theorem start_after : start_after_statement.
Proof.
  intros i e a b first last outside (? & ?). rewrite at_least, at_most by assumption.
  generalize ((e + outside) * b). nia.
Qed.

Theorem stop_before : stop_before_statement.
Proof.
  intros i e a b first last outside (? & ?). rewrite at_least by assumption.
  rewrite Nat.add_1_r. change (S (?x) <= ?y) with (x < y).
  pose proof (at_least (i * a + last) b (e + outside)). nia.
Qed.

Theorem tile_reads_as_image : tile_reads_as_image_statement.
Proof.
  intros i u v low high a b first last outside (? & ? & moves & from & to).
  destruct (reading_moves_along i u v a b first last outside) as (-> & ->); [auto|].
  apply (start_after i low a b first last outside) in from; [|auto].
  apply (stop_before i high a b first last outside) in to; [|auto]. lia.
Qed.

Theorem cores_partition : cores_partition_statement.
Proof.
  intros reached low high s (? & ? & ?). pose proof (at_most (reached - low) s ((reached - low) / s)).
  pose proof (at_least (reached - low) s ((reached - low) / s)). lia.
Qed.

Theorem halo_at_the_input_is_enough : halo_at_the_input_is_enough_statement.
Proof. intros H. specialize (H 1 1 1 1 1). cbv in H. lia. Qed.
