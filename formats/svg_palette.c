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

static const struct kind kinds[SVG_N_KINDS] = {
	[CRESSET_FRAME_USER] =
		{
			'u',
			"user",
			{0xf49f67, 0xf5b47f, 0xf4b271, 0xf6c488, 0xf5c37a, 0xf4c36c, 0xf6d284,
			 0xf5d375},
			{0xce7c46, 0xd4925d, 0xd08f4f, 0xd6a366, 0xd3a058, 0xcf9f4a, 0xd5b161,
			 0xd1b053},
		},
	[CRESSET_FRAME_KERNEL] =
		{
			'k',
			"kernel",
			{0x94c6e6, 0xabd0eb, 0x9dc6e8, 0xb5d1ee, 0xa6c6ea, 0x98bae7, 0xb0c7ec,
			 0xa2bbe9},
			{0x5c96bc, 0x71a0c5, 0x6494c0, 0x79a0c8, 0x6d93c3, 0x6087be, 0x7593c7,
			 0x6886c2},
		},
	[CRESSET_FRAME_INLINED] =
		{
			'i',
			"inlined",
			{0xbfd392, 0xc6daa4, 0xbbd69a, 0xc4ddac, 0xb8d9a1, 0xabd496, 0xb6dca8,
			 0xa9d79d},
			{0x8ca960, 0x94b270, 0x87ad67, 0x90b677, 0x84b06d, 0x76ab63, 0x81b474,
			 0x73af6a},
		},
	[CRESSET_FRAME_JIT] =
		{
			'j',
			"JIT",
			{0xc4afe9, 0xd3c0ed, 0xcfb6ea, 0xdcc7ef, 0xd8bdec, 0xd5b3ea, 0xe1c4ee,
			 0xdebaeb},
			{0x957dbf, 0xa68ec7, 0xa184c2, 0xb195cb, 0xad8bc6, 0xa981c1, 0xb792c9,
			 0xb487c4},
		},
	[CRESSET_FRAME_ERROR] =
		{
			'e',
			"error",
			{0xf09db1, 0xf3b0be, 0xf2a5b2, 0xf4b8c0, 0xf3adb4, 0xf1a1a7, 0xf4b4b6,
			 0xf2a9a9},
			{0xce647d, 0xd4778a, 0xd06c7d, 0xd77f8b, 0xd3737d, 0xcf686f, 0xd57b7e,
			 0xd27070},
		},
	[CALLTREE_KIND_ROOT] =
		{
			'r',
			"process",
			{0xd6d3cd, 0xe0ddd9, 0xdad7d1, 0xe3e1dd, 0xdedbd6, 0xd8d5cf, 0xe1dfdb,
			 0xdcd9d4},
			{0x85817a, 0x8f8c86, 0x89867f, 0x93908a, 0x8d8a83, 0x87837d, 0x918e88,
			 0x8b8881},
		},
	[SVG_KIND_MERGED] =
		{
			'm',
			"merged",
			{0xefedea, 0xefedea, 0xefedea, 0xefedea, 0xefedea, 0xefedea, 0xefedea,
			 0xefedea},
			{0x37373b, 0x37373b, 0x37373b, 0x37373b, 0x37373b, 0x37373b, 0x37373b,
			 0x37373b},
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

char svg_palette_letter(uint32_t kind)
{
	return kinds[kind < SVG_N_KINDS ? kind : SVG_KIND_MERGED].letter;
}

const char *svg_palette_label(uint32_t kind)
{
	return kinds[kind < SVG_N_KINDS ? kind : SVG_KIND_MERGED].label;
}
