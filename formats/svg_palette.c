// SPDX-License-Identifier: Apache-2.0
/* svg_palette - see svg_palette.h. Shades run through the hue's range and jump in lightness. */
#include "formats/svg_palette.h"

#include "core/hash.h"

#include <string.h>

struct kind {
	char letter;
	const char *label;
	uint32_t light[SVG_N_SHADES];
	uint32_t dark[SVG_N_SHADES];
};

static const struct kind kinds[SVG_N_KINDS] =
	{
		[CRESSET_FRAME_USER] =
			{
				'u',
				"user",
				{0xf49f67, 0xf5b47f, 0xf4b271, 0xf6c488, 0xf5c37a, 0xf4c36c,
				 0xf6d284, 0xf5d375},
				{0xce7c46, 0xd4925d, 0xd08f4f, 0xd6a366, 0xd3a058, 0xcf9f4a,
				 0xd5b161, 0xd1b053},
			},
		[CRESSET_FRAME_KERNEL] =
			{
				'k',
				"kernel",
				{0x94c6e6, 0xabd0eb, 0x9dc6e8, 0xb5d1ee, 0xa6c6ea, 0x98bae7,
				 0xb0c7ec, 0xa2bbe9},
				{0x5c96bc, 0x71a0c5, 0x6494c0, 0x79a0c8, 0x6d93c3, 0x6087be,
				 0x7593c7, 0x6886c2},
			},
		[CRESSET_FRAME_INLINED] =
			{
				'i',
				"inlined",
				{0xbfd392, 0xc6daa4, 0xbbd69a, 0xc4ddac, 0xb8d9a1, 0xabd496,
				 0xb6dca8, 0xa9d79d},
				{0x8ca960, 0x94b270, 0x87ad67, 0x90b677, 0x84b06d, 0x76ab63,
				 0x81b474, 0x73af6a},
			},
		[CRESSET_FRAME_JIT] =
			{
				'j',
				"JIT",
				{0xc4afe9, 0xd3c0ed, 0xcfb6ea, 0xdcc7ef, 0xd8bdec, 0xd5b3ea,
				 0xe1c4ee, 0xdebaeb},
				{0x957dbf, 0xa68ec7, 0xa184c2, 0xb195cb, 0xad8bc6, 0xa981c1,
				 0xb792c9, 0xb487c4},
			},
		[CRESSET_FRAME_ERROR] =
			{
				'e',
				"error",
				{0xf09db1, 0xf3b0be, 0xf2a5b2, 0xf4b8c0, 0xf3adb4, 0xf1a1a7,
				 0xf4b4b6, 0xf2a9a9},
				{0xce647d, 0xd4778a, 0xd06c7d, 0xd77f8b, 0xd3737d, 0xcf686f,
				 0xd57b7e, 0xd27070},
			},
		[CALLTREE_KIND_ROOT] =
			{
				'r',
				"process",
				{0xd6d3cd, 0xe0ddd9, 0xdad7d1, 0xe3e1dd, 0xdedbd6, 0xd8d5cf,
				 0xe1dfdb, 0xdcd9d4},
				{0x85817a, 0x8f8c86, 0x89867f, 0x93908a, 0x8d8a83, 0x87837d,
				 0x918e88, 0x8b8881},
			},
		[CALLTREE_KIND_RUNNABLE] =
			{
				'n',
				"runnable",
				{0xffb407, 0xffb407, 0xffb407, 0xffb407, 0xffb407, 0xffb407,
				 0xffb407, 0xffb407},
				{0xecaa0b, 0xecaa0b, 0xecaa0b, 0xecaa0b, 0xecaa0b, 0xecaa0b,
				 0xecaa0b, 0xecaa0b},
			},
		[CALLTREE_KIND_BLOCKED] =
			{
				'b',
				"blocked",
				{0x5386ed, 0x5386ed, 0x5386ed, 0x5386ed, 0x5386ed, 0x5386ed,
				 0x5386ed, 0x5386ed},
				{0x5387f2, 0x5387f2, 0x5387f2, 0x5387f2, 0x5387f2, 0x5387f2,
				 0x5387f2, 0x5387f2},
			},
		[CALLTREE_KIND_IDLE] =
			{
				'd',
				"idle",
				{0x95a7ba, 0x95a7ba, 0x95a7ba, 0x95a7ba, 0x95a7ba, 0x95a7ba,
				 0x95a7ba, 0x95a7ba},
				{0x738292, 0x738292, 0x738292, 0x738292, 0x738292, 0x738292,
				 0x738292, 0x738292},
			},
		[CALLTREE_KIND_SEPARATOR] =
			{
				's',
				"separator",
				{0xb5b4b2, 0xb5b4b2, 0xb5b4b2, 0xb5b4b2, 0xb5b4b2, 0xb5b4b2,
				 0xb5b4b2, 0xb5b4b2},
				{0x9f9e9c, 0x9f9e9c, 0x9f9e9c, 0x9f9e9c, 0x9f9e9c, 0x9f9e9c,
				 0x9f9e9c, 0x9f9e9c},
			},
		[CALLTREE_KIND_WAKER] =
			{
				'w',
				"waker",
				{0x8fd6c6, 0x97dfd1, 0x91dace, 0x97e1d7, 0x91dbd4, 0x8bd6d1,
				 0x93dfdc, 0x8cd8d8},
				{0x53a594, 0x59ac9e, 0x53a89c, 0x58aea4, 0x52a9a2, 0x4ca4a0,
				 0x53acaa, 0x4da6a7},
			},
		[SVG_KIND_MERGED] =
			{
				'm',
				"merged",
				{0xefedea, 0xefedea, 0xefedea, 0xefedea, 0xefedea, 0xefedea,
				 0xefedea, 0xefedea},
				{0x37373b, 0x37373b, 0x37373b, 0x37373b, 0x37373b, 0x37373b,
				 0x37373b, 0x37373b},
			},
		[SVG_KIND_RUNNABLE_USER] =
			{
				'x',
				"runnable",
				{0xf1ec80, 0xf6f287, 0xf1ef84, 0xf5f589, 0xf0f187, 0xebee84,
				 0xeff58a, 0xeaf187},
				{0xcfc55b, 0xd3cb61, 0xcfc85e, 0xd2cd64, 0xcdca61, 0xc8c75e,
				 0xcdcd65, 0xc8ca61},
			},
		[SVG_KIND_RUNNABLE_KERNEL] =
			{
				'y',
				"runnable, kernel",
				{0xeddb46, 0xf2e14e, 0xedde4b, 0xf0e351, 0xece04e, 0xe7dd4a,
				 0xebe452, 0xe6e04e},
				{0xc7b227, 0xccb831, 0xc7b52c, 0xcbbb34, 0xc6b830, 0xc2b52b,
				 0xc6bb34, 0xc1b730},
			},
		[SVG_KIND_BLOCKED_USER] =
			{
				'p',
				"blocked",
				{0x9aadf4, 0xa2b3fb, 0xa0aef7, 0xa8b3fc, 0xa6aef7, 0xa4a9f3,
				 0xadaff9, 0xabaaf4},
				{0x7480d0, 0x7b85d6, 0x7a81d2, 0x8084d7, 0x7f81d3, 0x7e7dcf,
				 0x8581d4, 0x847dcf},
			},
		[SVG_KIND_BLOCKED_KERNEL] =
			{
				'q',
				"blocked, kernel",
				{0x759cee, 0x7da1f4, 0x7b9df1, 0x82a1f5, 0x809df2, 0x7f99ee,
				 0x869ff4, 0x849af0},
				{0x5b7bdb, 0x627fdf, 0x617bdd, 0x677ee0, 0x677bdd, 0x6778da,
				 0x6d7bdf, 0x6c78db},
			},
		[SVG_KIND_IDLE_USER] =
			{
				'v',
				"idle",
				{0xc1d4e4, 0xc8d9ea, 0xc5d6e7, 0xcadaec, 0xc7d6e8, 0xc4d3e5,
				 0xcad8eb, 0xc7d4e7},
				{0x8d9eac, 0x93a3b2, 0x919faf, 0x95a4b3, 0x93a0b0, 0x909dad,
				 0x96a2b3, 0x929eaf},
			},
		[SVG_KIND_IDLE_KERNEL] =
			{
				'o',
				"idle, kernel",
				{0xa6b7c5, 0xacbccb, 0xa9b8c8, 0xaebdcd, 0xabb9ca, 0xa8b6c6,
				 0xafbbcc, 0xabb7c8},
				{0x7c8d9c, 0x8192a1, 0x7f8f9e, 0x8392a3, 0x818fa0, 0x7f8c9d,
				 0x8491a2, 0x818d9f},
			},
};

struct svg_ink svg_palette_ink(bool dark)
{
	static const struct svg_ink light_ink = {0xffffff, 0x1f1d1a, 0x66625b, 0x1f1d1a, 0x1f1d1a};
	static const struct svg_ink dark_ink = {0x17181b, 0xf3f1ec, 0xaaa69e, 0x14120f, 0xc4c0b8};

	return dark ? dark_ink : light_ink;
}

uint32_t svg_palette_color(uint32_t kind, uint32_t shade, bool dark)
{
	const struct kind *k = &kinds[kind < SVG_N_KINDS ? kind : SVG_KIND_MERGED];

	return (dark ? k->dark : k->light)[shade % SVG_N_SHADES];
}

uint32_t svg_palette_shade(const char *name)
{
	return (uint32_t)(hash_bytes(name, strlen(name), 0) % SVG_N_SHADES);
}

uint32_t svg_palette_waiting(uint32_t kind, enum state state)
{
	static const uint32_t tints[N_STATES] = {
		[STATE_RUNNABLE] = SVG_KIND_RUNNABLE_USER,
		[STATE_BLOCKED] = SVG_KIND_BLOCKED_USER,
		[STATE_IDLE] = SVG_KIND_IDLE_USER,
	};

	if (state == STATE_CPU || kind > CRESSET_FRAME_JIT)
		return kind;
	return tints[state] + (kind == CRESSET_FRAME_KERNEL);
}

char svg_palette_letter(uint32_t kind)
{
	return kinds[kind < SVG_N_KINDS ? kind : SVG_KIND_MERGED].letter;
}

const char *svg_palette_label(uint32_t kind)
{
	return kinds[kind < SVG_N_KINDS ? kind : SVG_KIND_MERGED].label;
}
