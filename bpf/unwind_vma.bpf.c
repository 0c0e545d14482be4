// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unwind_vma.bpf.c - what the kernel has mapped at an address, for what user space has not told
 * yet.
 *
 * User space hears of an exec or a dlopen about a millisecond late, and compilers run programs that
 * live for ten. So an address that no page explains is looked for where the kernel looks: in the
 * tree of the process's mappings. What is mapped there is known by device and inode if any process
 * has had it before (unwind_files), and must still have the size and time of change that user space
 * has seen. So a new process of known programs has whole stacks from its first instruction.
 *
 * The tree (a maple tree, Linux 6.1 and later: include/linux/maple_tree.h, lib/maple_tree.c) is
 * read without its lock, as bpf_find_vma cannot be used: it takes mmap_lock, and gives it back by
 * an irq_work, so a sample could ask once only, of all its frames. Nodes and mappings are freed by
 * RCU, which a BPF program holds back; a node that was taken out says so, and a mapping counts only
 * if it is this process's and has the address. Reads that fail, and kernels with another tree, say
 * no.
 *
 * Measured 2026-11-22, Linux 6.18: 0.5 us for a range, only in processes that are not known yet.
 */
#include "unwind_vma.h"
#include "unwind_walk.h"

#ifdef CRESSET_BPF_NATIVE
#include <stddef.h>
#define FIELD_EXISTS(f)	   1
#define FIELD_OFFSET(t, f) offsetof(t, f)
#define FIELD_BYTES(t, f)  sizeof(((t *)0)->f)
#define ENUM_VALUE(t, v)   (v)
#else
#include <bpf/bpf_core_read.h>
#define FIELD_EXISTS(f)	   bpf_core_field_exists(f)
#define FIELD_OFFSET(t, f) bpf_core_field_offset(t, f)
#define FIELD_BYTES(t, f)  bpf_core_field_size(t, f)
#define ENUM_VALUE(t, v)   bpf_core_enum_value(t, v)
#endif

enum { MAX_LEVELS = 8, MAX_PIVOTS = 15 };
enum { VM_EXEC = 4, PAGE_SHIFT = 12 };
#define NODE_MASK      255ull
#define TYPE_OF(entry) ((entry) >> 3 & 15)

/* ---- The way down the tree. */

struct cresset_vma_searches_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cresset_vma_search);
} unwind_vmas SEC(".maps");

struct cresset_files_map unwind_files SEC(".maps");

#define READ(to, from) bpf_probe_read_kernel(&(to), sizeof(to), &(from))

#define MAPLE(type) ENUM_VALUE(enum maple_type___vma, maple_##type##___vma)

/* How nodes of the type are laid out; false: there is no such type. */
static __always_inline bool layout_take(struct cresset_vma_search *v)
{
	struct cresset_vma_layout *to = &v->layout;

	if (v->type == MAPLE(arange_64)) {
		to->pivot = FIELD_OFFSET(struct maple_arange_64___vma, pivot) / 8;
		to->n_pivots = FIELD_BYTES(struct maple_arange_64___vma, pivot) / 8;
		to->slot = FIELD_OFFSET(struct maple_arange_64___vma, slot) / 8;
		to->end = FIELD_OFFSET(struct maple_arange_64___vma, meta.end);
		return true;
	}
	to->pivot = FIELD_OFFSET(struct maple_range_64___vma, pivot) / 8;
	to->n_pivots = FIELD_BYTES(struct maple_range_64___vma, pivot) / 8;
	to->slot = FIELD_OFFSET(struct maple_range_64___vma, slot) / 8;
	to->end = FIELD_OFFSET(struct maple_range_64___vma, meta.end);
	return v->type == MAPLE(leaf_64) || v->type == MAPLE(range_64);
}

/* The index of the last slot in use. Where all pivots are, they overlap with the byte that says it.
 */
static __always_inline __u32 last_slot(const struct cresset_vma_search *v)
{
	const struct cresset_vma_layout *l = &v->layout;
	__u64 last = v->node[(l->pivot + l->n_pivots - 1) & (NODE_WORDS - 1)];

	if (v->type == MAPLE(arange_64) || !last)
		return v->node[l->end / 8 & (NODE_WORDS - 1)] >> (l->end % 8 * 8) & 255;
	return last == v->max ? l->n_pivots - 1 : l->n_pivots;
}

/*
 * The slot of a node that the address belongs to: as many pivots, the last addresses of slots, are
 * below it. Without a branch, of which the verifier would follow both ways in each round.
 */
static __always_inline __u32 search_node(struct cresset_vma_search *v)
{
	__u64 page = v->address >> PAGE_SHIFT, last = v->last, at = 0, below, in_use;

	for (__u64 half = (MAX_PIVOTS + 1) / 2; half; half /= 2) {
		/* Differences of small numbers: the sign says which is larger. */
		below = v->node[(v->layout.pivot + at + half - 1) & (NODE_WORDS - 1)] >> PAGE_SHIFT;
		below -= page;
		in_use = at + half - 1 - last;
		barrier_var(below);
		barrier_var(in_use);
		at += ((below & in_use) >> 63) * half;
	}
	if (at < last)
		v->max = v->node[(v->layout.pivot + at) & (NODE_WORDS - 1)];
	return at;
}

/*
 * From the node in `entry` to the slot for the address. 1: it is a mapping, 0: a node, -1: none.
 * Not a function of its own, since calls may be only 8 deep. What is found on the way is in the
 * map, where the verifier forgets it, so that all ways meet again before the next level: as local
 * variables it is 10,000 to 50,000 instructions of its work.
 */
static __always_inline int descend(struct cresset_vma_search *v)
{
	__u64 node = v->entry & ~NODE_MASK;

	v->type = TYPE_OF(v->entry);
	barrier();
	if (!layout_take(v) || bpf_probe_read_kernel(v->node, NODE_BYTES, (void *)node))
		return -1;
	/* Taken out of the tree: its parent is itself. */
	if ((v->node[0] & ~NODE_MASK) == node)
		return -1;
	barrier();
	v->last = last_slot(v);
	barrier();
	v->entry = v->node[(v->layout.slot + search_node(v)) & (NODE_WORDS - 1)];
	barrier();
	return v->type == MAPLE(leaf_64);
}

static __always_inline struct vm_area_struct___vma *
vma_find(struct cresset_vma_search *v, struct mm_struct___vma *mm, __u64 address)
{
	int r = 0;

	if (!FIELD_EXISTS(mm->mm_mt) || READ(v->entry, mm->mm_mt.ma_root))
		return NULL;
	v->address = address;
	v->max = ~0ull;
	for (int level = 0; level < MAX_LEVELS && !r; level++) {
		/* Only nodes of a tree have these bits; one without nodes has no code in it. */
		if (!level && (v->entry & 3) != 2)
			return NULL;
		r = descend(v);
	}
	/* A mark of the tree's own is no pointer. */
	if (r <= 0 || v->entry & 7 || v->entry <= NODE_MASK)
		return NULL;
	return (struct vm_area_struct___vma *)v->entry;
}

/* ---- What is mapped. */

static __always_inline void modified_at(struct inode___vma *inode, struct cresset_unwind_file *f)
{
	f->mtime_sec = 0;
	f->mtime_nsec = ~0u;
#ifndef CRESSET_BPF_NATIVE
	struct inode___before611 *before611 = (void *)inode;
	struct inode___before66 *before66 = (void *)inode;
	long nsec = -1;

	if (FIELD_EXISTS(before611->__i_mtime)) {
		READ(f->mtime_sec, before611->__i_mtime.tv_sec);
		READ(nsec, before611->__i_mtime.tv_nsec);
		f->mtime_nsec = nsec;
		return;
	}
	if (FIELD_EXISTS(before66->i_mtime)) {
		READ(f->mtime_sec, before66->i_mtime.tv_sec);
		READ(nsec, before66->i_mtime.tv_nsec);
		f->mtime_nsec = nsec;
		return;
	}
#endif
	READ(f->mtime_sec, inode->i_mtime_sec);
	READ(f->mtime_nsec, inode->i_mtime_nsec);
}

/* What user space knows of the file; NULL: nothing, or it is not the same any more. */
static __always_inline struct cresset_unwind_file *file_find(struct cresset_vma_seen *seen)
{
	struct cresset_unwind_file *now = &seen->now, *known;

	if (READ(seen->inode, seen->file->f_inode) || READ(seen->sb, seen->inode->i_sb) ||
	    READ(seen->ino, seen->inode->i_ino) || READ(seen->key.dev, seen->sb->s_dev))
		return NULL;
	seen->key.ino = seen->ino;
	known = bpf_map_lookup_elem(&unwind_files, &seen->key);
	if (!known || READ(now->size, seen->inode->i_size) || now->size != known->size)
		return NULL;
	modified_at(seen->inode, now);
	if (now->mtime_sec != known->mtime_sec || now->mtime_nsec != known->mtime_nsec)
		return NULL;
	return known;
}

/* Sets the walk's range to a mapping of a file. */
static __always_inline int take_file(struct cresset_walk *w, struct cresset_vma_seen *seen,
				     struct vm_area_struct___vma *vma)
{
	const struct cresset_unwind_file *known = file_find(seen);
	__u64 offset;

	if (!known || READ(seen->pgoff, vma->vm_pgoff))
		return -1;
	offset = (__u64)seen->pgoff << PAGE_SHIFT;
	/* Its code, not what else may be executable for whatever reason. */
	if (offset + w->bytes <= known->code_start || offset >= known->code_end)
		return -1;
	w->bias = w->start - offset + known->shift;
	w->kind = CRESSET_RANGE_FILE;
	return known->dso;
}

/* Memory of no file: the vdso, or code that somebody generated. */
static __always_inline int take_anonymous(struct cresset_walk *w, struct mm_struct___vma *mm)
{
	struct cresset_unwind_file_key key = {0};
	const struct cresset_unwind_file *vdso;
	void *at = NULL;

	w->bias = 0;
	w->kind = CRESSET_RANGE_ANON;
	if (READ(at, mm->context.vdso) || (__u64)at != w->start)
		return 0;
	vdso = bpf_map_lookup_elem(&unwind_files, &key);
	if (!vdso)
		return -1;
	w->bias = w->start;
	w->kind = CRESSET_RANGE_VDSO;
	return vdso->dso;
}

__noinline int cresset_walk_vma(__u32 slot_id, __u64 address)
{
	struct cresset_vma_search *v = bpf_map_lookup_elem(&unwind_vmas, &slot_id);
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct task_struct *task = bpf_get_current_task_btf();
	struct vm_area_struct___vma *vma;
	struct cresset_vma_seen *seen;
	struct mm_struct___vma *mm;
	int dso;

	if (!s || !v)
		return -1;
	mm = (struct mm_struct___vma *)task->mm;
	if (!mm)
		return -1;
	seen = &v->seen;
	vma = vma_find(v, mm, address);
	if (!vma || READ(seen->owner, vma->vm_mm) || READ(seen->start, vma->vm_start) ||
	    READ(seen->end, vma->vm_end) || READ(seen->flags, vma->vm_flags) ||
	    READ(seen->file, vma->vm_file))
		return -1;
	if (seen->owner != mm || address < seen->start || address >= seen->end ||
	    !(seen->flags & VM_EXEC))
		return -1;
	s->walk.start = seen->start;
	s->walk.bytes = seen->end - seen->start;
	dso = seen->file ? take_file(&s->walk, seen, vma) : take_anonymous(&s->walk, mm);
	if (dso < 0)
		s->walk.bytes = 0;
	return dso;
}
