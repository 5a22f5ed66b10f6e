/* SPDX-License-Identifier: Apache-2.0 */
/* The child program, as it was linked, inside basin: runtime/process.c executes it from a memory file. */
	.section .rodata.child_image, "a", %progbits
	.balign 16
	.globl bsn_child_image
	.hidden bsn_child_image
	.type bsn_child_image, %object
bsn_child_image:
	.incbin CHILD_PATH
	.globl bsn_child_image_end
	.hidden bsn_child_image_end
	.type bsn_child_image_end, %object
bsn_child_image_end:
	.byte 0
	.size bsn_child_image, bsn_child_image_end - bsn_child_image
	.section .note.GNU-stack, "", %progbits
