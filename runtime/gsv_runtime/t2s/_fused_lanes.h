/* Vectors of LANES numbers: 16 with AVX-512, 8 with AVX2. What computes is written once, for either.

   One library is compiled of each; fused_library.py has looked for what it needs before it loads one. */

#ifndef GSV_FUSED_LANES_H
#define GSV_FUSED_LANES_H

#ifndef LANES
#define LANES 16
#endif

#if LANES == 16
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,f16c")
#else
#pragma GCC target("avx2,fma,f16c")
#endif
#include <immintrin.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

#if LANES == 16
typedef __m512 floats;
typedef __m512i ints;
typedef __mmask16 mask;
typedef int8_t activation; /* that was rounded */
#define VECTOR(name) _mm512_##name
#else
typedef __m256 floats;
typedef __m256i ints;
typedef __m256i mask;
typedef int16_t activation; /* that was rounded; of each four those at even places come first */
#define VECTOR(name) _mm256_##name
#endif

INLINE floats zeros(void) { return VECTOR(setzero_ps)(); }
INLINE floats all(float x) { return VECTOR(set1_ps)(x); }
INLINE floats load(const float *from) { return VECTOR(loadu_ps)(from); }
INLINE void store(float *to, floats x) { VECTOR(storeu_ps)(to, x); }
INLINE floats add(floats a, floats b) { return VECTOR(add_ps)(a, b); }
INLINE floats subtract(floats a, floats b) { return VECTOR(sub_ps)(a, b); }
INLINE floats times(floats a, floats b) { return VECTOR(mul_ps)(a, b); }
INLINE floats larger(floats a, floats b) { return VECTOR(max_ps)(a, b); }
INLINE floats times_add(floats a, floats b, floats c) { return VECTOR(fmadd_ps)(a, b, c); }
INLINE floats add_less(floats a, floats b, floats c) { return VECTOR(fnmadd_ps)(a, b, c); } /* c - a b */
INLINE floats as_floats(ints x) { return VECTOR(cvtepi32_ps)(x); }
INLINE ints nearest(floats x) { return VECTOR(cvtps_epi32)(x); }
INLINE ints all_ints(int32_t x) { return VECTOR(set1_epi32)(x); }
INLINE ints add_ints(ints a, ints b) { return VECTOR(add_epi32)(a, b); }

#if LANES == 16

INLINE floats load_half(const uint16_t *from) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)from)); }
INLINE void store_half(uint16_t *to, floats x) { _mm256_storeu_si256((__m256i *)to, _mm512_cvtps_ph(x, 0)); }
INLINE floats size_of(floats x) { return _mm512_abs_ps(x); }
INLINE float sum_of(floats x) { return _mm512_reduce_add_ps(x); }
INLINE float largest_of(floats x) { return _mm512_reduce_max_ps(x); }
INLINE int32_t sum_of_ints(ints x) { return _mm512_reduce_add_epi32(x); }
INLINE floats whole(floats x) { return _mm512_roundscale_ps(x, 0); }
INLINE floats scaled(floats x, floats power) { return _mm512_scalef_ps(x, power); } /* x 2^power, a whole number */
INLINE void store_rounded(activation *to, ints x) { _mm_storeu_si128((__m128i *)to, _mm512_cvtsepi32_epi8(x)); }
INLINE mask first(int64_t count) { return count >= LANES ? 0xffff : count <= 0 ? 0 : (mask)((1u << count) - 1); }
INLINE floats larger_where(mask real, floats a, floats b) { return _mm512_mask_max_ps(a, real, a, b); }
INLINE floats only(mask real, floats x) { return _mm512_maskz_mov_ps(real, x); }

/* Four bytes of each output, from 0 on; at 4 bits two groups share the bytes. */
INLINE ints load_bytes(const uint8_t *from) { return _mm512_loadu_si512(from); }
INLINE ints low_halves(ints x) { return _mm512_and_si512(x, _mm512_set1_epi8(15)); }
INLINE ints high_halves(ints x) { return low_halves(_mm512_srli_epi16(x, 4)); }

/* Adds to each sum the product of its four bytes with four activations. */
INLINE ints add_products(ints sum, ints bytes, const activation *four) {
    return _mm512_dpbusd_epi32(sum, bytes, _mm512_set1_epi32(*(const int32_t *)four));
}

#else

INLINE floats load_half(const uint16_t *from) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from)); }
INLINE void store_half(uint16_t *to, floats x) { _mm_storeu_si128((__m128i *)to, _mm256_cvtps_ph(x, 0)); }
INLINE floats size_of(floats x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
INLINE floats whole(floats x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
INLINE floats only(mask real, floats x) { return _mm256_and_ps(_mm256_castsi256_ps(real), x); }

INLINE float sum_of(floats x) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

INLINE float largest_of(floats x) {
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

INLINE int32_t sum_of_ints(ints x) {
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}

/* x 2^power, a whole number of at least -126 */
INLINE floats scaled(floats x, floats power) {
    const ints exponent = _mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127));
    return _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
}

INLINE void store_rounded(activation *to, ints x) {
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    const __m128i places = _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
    _mm_storeu_si128((__m128i *)to, _mm_shuffle_epi8(words, places));
}

INLINE mask first(int64_t count) {
    const int32_t most = count >= LANES ? LANES : count <= 0 ? 0 : (int32_t)count;
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(most), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE floats larger_where(mask real, floats a, floats b) {
    return _mm256_blendv_ps(a, _mm256_max_ps(a, b), _mm256_castsi256_ps(real));
}

INLINE ints load_bytes(const uint8_t *from) { return _mm256_loadu_si256((const __m256i *)from); }
INLINE ints low_halves(ints x) { return _mm256_and_si256(x, _mm256_set1_epi8(15)); }
INLINE ints high_halves(ints x) { return low_halves(_mm256_srli_epi16(x, 4)); }

/* As VNNI does, without an overflow: bytes become 16 bits, those at even places and those at odd ones apart. */
INLINE ints add_products(ints sum, ints bytes, const activation *four) {
    const ints even = _mm256_set1_epi32(*(const int32_t *)four), odd = _mm256_set1_epi32(*(const int32_t *)(four + 2));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_and_si256(bytes, _mm256_set1_epi16(255)), even));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_srli_epi16(bytes, 8), odd));
}

#endif
#endif
