"""The limits for files that people bring, each with its reason."""

from __future__ import annotations

MIB = 1024**2
GIB = 1024**3

# A 50-megapixel phone camera gives 8192 × 6144 = 50.3 million pixels: 151 MB in memory as RGB. Nothing that people
# photograph with needs more, and a picture of 100 megapixels is refused from its header.
MAX_IMAGE_PIXELS = 52_000_000

# How many times as long as wide an image may be. Panoramas and signatures stay below 20. Without this limit a file of
# 80 bytes can hold a line of 50 million pixels, which no reduction by one factor makes small.
MAX_PROPORTION = 30
ANY_PROPORTION_PIXELS = 1_000_000  # up to here an image may be as long as it likes

# The memory in which images are decoded at the same time, for the whole process. The dearest of them, a WebP of 52
# megapixels, takes 800 MB (Pillow 12): it is decoded alone.
MAX_DECODING_BYTES = 640 * MIB

# Seconds that an image waits for its turn to be decoded.
DECODING_PATIENCE = 20.0

# The sides of an image that the page reads keep at least this many pixels, if they have them: four times what the
# largest encoders take.
PAGE_SIDE = 512

# A picture that the page's script sends as text: a drawing or a frame of a camera, not a photograph of full size.
MAX_DATA_URL_BYTES = 2 * MIB

# The largest file of one image: JPEGs of every camera fit, raw files and scans of whole posters do not.
MAX_IMAGE_BYTES = 64 * MIB

# The long side to which images of one's own are reduced. The encoders take 28 to 105 pixels; more is only memory.
MAX_SIDE = 128

# Shorter sides than this leave nothing to convolve.
MIN_SIDE = 8

# The files in a folder or zip: MNIST as single images is 70,000 of them.
MAX_FILES = 100_000

# The bytes of all files of a folder or zip together, unpacked. They are read one at a time, so this bounds waiting
# rather than memory: a gigabyte of 12-megapixel JPEGs takes 9 s on one core.
MAX_TOTAL_BYTES = 4 * GIB

# The images of one data set as uint8 in memory, which a split holds twice for a moment: 21,845 RGB images of
# 128 × 128, or 1.3 million grey ones of 28 × 28.
MAX_BANK_BYTES = GIB

# Folder levels in a data set: wrapper, part, group, class, and as many again for a link inside it.
MAX_DEPTH = 8

# Deflate reaches 1,032:1 and a zip bomb lives near it. The AT&T faces as PGM reach 1.2:1, and Omniglot's thin strokes
# on white, drawn smoothly at 1,050 × 1,050 in an uncompressed 24-bit BMP, up to 184:1. Below the free size, which such
# a BMP keeps, a member may be as empty as it likes.
MAX_RATIO = 200
RATIO_FREE_BYTES = 4 * MIB

# The list of members at the end of a zip, which is read into memory whole: 46 bytes and a name for each member.
MAX_ZIP_DIRECTORY_BYTES = 32 * MIB

# One line of a CSV: 128 × 128 pixels of four characters are 64 KiB; quotes and decimals may triple that.
MAX_LINE_BYTES = 512 * 1024

# Data sets kept in memory for the next job: all the named ones together take less.
MAX_KEPT_BYTES = GIB
MAX_KEPT = 12

# One request to the page: several uploads at once; and everything else, which is JSON, with a few pictures in it.
MAX_REQUEST_BYTES = 256 * MIB
MAX_JSON_BYTES = 8 * MIB
MAX_JSON_VALUES = 20_000

# All requests together that wait for their turn or are being answered, and all answers that nobody has fetched yet. A
# room of thirty that compares drawings at the same moment has 30 MB under way.
MAX_WAITING_BYTES = 128 * MIB
MAX_UNREAD_BYTES = 128 * MIB

# All files together that people have sent to the page, on the disk. They are read once, a moment after they came.
MAX_UPLOADS_BYTES = 2 * GIB

# Pictures that people bring to the page. One upload is a class of phones' photographs or a CSV of 8,000 digits; a set
# keeps its files and, once, its pixels, which are no larger than what the encoders take here in a minute.
MAX_OWN_UPLOAD_BYTES = 20 * MIB
MAX_OWN_FILES_BYTES = 32 * MIB
MAX_OWN_BANK_BYTES = 64 * MIB
MAX_OWN_PICTURES = 10_000
MAX_OWN_CLASSES = 1_000
OWN_SIDE = 64
# All browsers together, and seconds that a set outlives the last sign of its page.
MAX_OWN_SETS = 200
MAX_OWN_SETS_BYTES = GIB
OWN_IDLE_SECONDS = 900.0
