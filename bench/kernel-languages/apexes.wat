;; `intersect` and `apex` of tda/assembly/kernel.ts by hand, for bench/kernel-languages.ts. Addresses and `stride` are bytes;
;; a set of vertices is a row of bits, `stride` bytes long, as there.
(module
  (import "env" "memory" (memory 1))

  ;; Writes to `out`, for each packed edge, an apex of its link, or -1.
  (func (export "apexes")
    (param $rows i32) (param $stride i32) (param $lune i32) (param $candidates i32)
    (param $edges i32) (param $count i32) (param $out i32)
    (local $edge i32) (local $end i32)
    (local.set $end (i32.add (local.get $edges) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $edges) (local.get $end)))
        (local.set $edge (i32.load (local.get $edges)))
        (i32.store (local.get $out)
          (if (result i32)
            (call $intersect
              (call $row (local.get $rows) (local.get $stride) (i32.shr_u (local.get $edge) (i32.const 16)))
              (call $row (local.get $rows) (local.get $stride) (i32.and (local.get $edge) (i32.const 0xffff)))
              (local.get $stride) (local.get $lune))
            (then (call $apex (local.get $rows) (local.get $stride) (local.get $lune) (local.get $candidates)))
            (else (i32.const -1))))
        (local.set $edges (i32.add (local.get $edges) (i32.const 4)))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (br $next))))

  (func $row (param $rows i32) (param $stride i32) (param $vertex i32) (result i32)
    (i32.add (local.get $rows) (i32.mul (local.get $vertex) (local.get $stride))))

  ;; Writes the common neighbours to the lune; 0 if there is none.
  (func $intersect (param $a i32) (param $b i32) (param $stride i32) (param $lune i32) (result i32)
    (local $k i32) (local $word v128) (local $any v128)
    (loop $words
      (v128.store (i32.add (local.get $lune) (local.get $k))
        (local.tee $word
          (v128.and
            (v128.load (i32.add (local.get $a) (local.get $k)))
            (v128.load (i32.add (local.get $b) (local.get $k))))))
      (local.set $any (v128.or (local.get $any) (local.get $word)))
      (br_if $words
        (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 16))) (local.get $stride))))
    (v128.any_true (local.get $any)))

  ;; A vertex of the lune that is a neighbour of the whole lune, or -1.
  (func $apex (param $rows i32) (param $stride i32) (param $lune i32) (param $candidates i32) (result i32)
    (local $k i32) (local $candidate i32) (local $missed i32) (local $row i32)
    (loop $copy
      (v128.store (i32.add (local.get $candidates) (local.get $k))
        (v128.load (i32.add (local.get $lune) (local.get $k))))
      (br_if $copy
        (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 16))) (local.get $stride))))
    (local.set $candidate (call $first (local.get $candidates) (i32.const 0) (local.get $stride)))
    (block $none
      (loop $next
        (br_if $none (i32.lt_s (local.get $candidate) (i32.const 0)))
        (local.set $missed
          (call $firstMissed (local.get $lune)
            (call $row (local.get $rows) (local.get $stride) (local.get $candidate))
            (local.get $stride)))
        (if (i32.lt_s (local.get $missed) (i32.const 0)) (then (return (local.get $candidate))))
        (local.set $row (call $row (local.get $rows) (local.get $stride) (local.get $missed)))
        (local.set $k (i32.const 0))
        (loop $narrow
          (v128.store (i32.add (local.get $candidates) (local.get $k))
            (v128.and
              (v128.load (i32.add (local.get $candidates) (local.get $k)))
              (v128.load (i32.add (local.get $row) (local.get $k)))))
          (br_if $narrow
            (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 16))) (local.get $stride))))
        (local.set $candidate
          (call $first (local.get $candidates) (i32.add (local.get $candidate) (i32.const 1)) (local.get $stride)))
        (br $next)))
    (i32.const -1))

  ;; Lowest vertex of the set that is not in the row, or -1.
  (func $firstMissed (param $set i32) (param $row i32) (param $stride i32) (result i32)
    (local $k i32) (local $word v128) (local $half i64)
    (loop $words
      (if
        (v128.any_true
          (local.tee $word
            (v128.andnot
              (v128.load (i32.add (local.get $set) (local.get $k)))
              (v128.load (i32.add (local.get $row) (local.get $k))))))
        (then
          (local.set $k (i32.shl (local.get $k) (i32.const 3)))
          (local.set $half (i64x2.extract_lane 0 (local.get $word)))
          (if (i64.eqz (local.get $half))
            (then
              (local.set $k (i32.add (local.get $k) (i32.const 64)))
              (local.set $half (i64x2.extract_lane 1 (local.get $word)))))
          (return (i32.add (local.get $k) (i32.wrap_i64 (i64.ctz (local.get $half)))))))
      (br_if $words
        (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 16))) (local.get $stride))))
    (i32.const -1))

  ;; Lowest vertex of the set that is at least `from`, or -1.
  (func $first (param $set i32) (param $from i32) (param $stride i32) (result i32)
    (local $k i32) (local $word i64)
    (if (i32.ge_u (local.get $from) (i32.shl (local.get $stride) (i32.const 3)))
      (then (return (i32.const -1))))
    (local.set $k (i32.shl (i32.shr_u (local.get $from) (i32.const 6)) (i32.const 3)))
    (local.set $word
      (i64.and
        (i64.load (i32.add (local.get $set) (local.get $k)))
        (i64.shl (i64.const -1) (i64.extend_i32_u (local.get $from)))))
    (loop $words
      (if (i64.ne (local.get $word) (i64.const 0))
        (then
          (return
            (i32.add (i32.shl (local.get $k) (i32.const 3)) (i32.wrap_i64 (i64.ctz (local.get $word)))))))
      (if (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 8))) (local.get $stride))
        (then
          (local.set $word (i64.load (i32.add (local.get $set) (local.get $k))))
          (br $words))))
    (i32.const -1)))
