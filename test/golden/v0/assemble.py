"""Segments assembled by hand from spec/segment.md, without a look at the encoder: each index is written out byte by byte.

Run once, on the day the files were made; they are never made again. Kept so that a reader can see what each byte is.
Beside each segment a .json says what it must answer: [volume, offset, rLSN, local page number].
"""
import json
import os
import struct
M=(1<<64)-1
P1,P2,P3,P4,P5=0x9e3779b185ebca87,0xc2b2ae3d27d4eb4f,0x165667b19e3779f9,0x85ebca77c2b2ae63,0x27d4eb2f165667c5
def rotl(v,b): return ((v<<b)|(v>>(64-b)))&M
def rnd(l,w): return rotl((l+w*P2)&M,31)*P1&M
def xxh64(b,seed=0):
    n=len(b); at=0
    if n>=32:
        a,bb,c,d=(seed+P1+P2)&M,(seed+P2)&M,seed,(seed-P1)&M
        while at+32<=n:
            w=struct.unpack_from('<4Q',b,at); a=rnd(a,w[0]);bb=rnd(bb,w[1]);c=rnd(c,w[2]);d=rnd(d,w[3]); at+=32
        h=(rotl(a,1)+rotl(bb,7)+rotl(c,12)+rotl(d,18))&M
        for v in(a,bb,c,d): h=((h^rnd(0,v))*P1+P4)&M
    else: h=(seed+P5)&M
    h=(h+n)&M
    while at+8<=n:
        h=(rotl(h^rnd(0,struct.unpack_from('<Q',b,at)[0]),27)*P1+P4)&M; at+=8
    if at+4<=n:
        h=(rotl(h^(struct.unpack_from('<I',b,at)[0]*P1&M),23)*P2+P3)&M; at+=4
    while at<n:
        h=rotl(h^(b[at]*P5&M),11)*P1&M; at+=1
    h=((h^(h>>33))*P2)&M; h=((h^(h>>29))*P3)&M; return h^(h>>32)
assert xxh64(b'')==0xef46db3751d8e999
assert xxh64(b'abc')==0x44bc2cf5ad770999
def seg(sid,ps,index,vols,pages):
    body=(64+len(index)+7)&~7
    hdr=bytes.fromhex('89505345470d0a1a')+struct.pack('<HHI',0,0,ps)+sid+struct.pack('<IIII',len(pages),vols,len(index),body)+bytes(8)
    rest=index+bytes(body-64-len(index))
    out=hdr+struct.pack('<Q',xxh64(rest,xxh64(hdr)))+rest
    for p,pg in enumerate(pages): out+=pg+struct.pack('<Q',xxh64(pg,xxh64(sid,p)))
    return out


here = os.path.dirname(os.path.abspath(__file__))


def write(name, segment, describe, answers):
    with open(os.path.join(here, name + ".seg"), "xb") as file:
        file.write(segment)
    with open(os.path.join(here, name + ".json"), "x") as file:
        json.dump({"encodings": describe, "answers": answers}, file)
        file.write("\n")


A = "00112233445566778899aabbccddeeff"
B = "ffeeddccbbaa99887766554433221100"
ID = bytes.fromhex("0123456789abcdef0123456789abcdef")


def pages(count, size=512):
    return [bytes([0xa0 + i]) * size for i in range(count)]


# The worked example of the spec: bitmap offsets, cumulative counts, fixed-width rLSNs.
write("worked-example", seg(ID, 512, bytes.fromhex(A) + bytes([0x19, 3, 0, 5, 4, 2, 0x23, 0x05, 0x30]), 1, pages(4)),
      [["bitmap", "fixed-2"]],
      [[A, 0, 0, 0], [A, 1, 0, 1], [A, 1, 2, 1], [A, 1, 3, 2], [A, 1, 4294967295, 2], [A, 2, 9, -1], [A, 5, 0, 3],
       [A, 6, 0, -1], [B, 0, 0, -1]])

# Two volumes. A: a run of 3 from 7, one version each at rLSN 300 (varint ac 02): tag 0 | 0 << 2 | 0 << 4 = 00.
# B: one offset, 4294967294 (varint fe ff ff ff 0f), a run, with 2 versions, uniform (tag 0 | 1 << 2 | 2 << 4 = 24), in byte
# deltas: first rLSN 255 as ff + u32, then the gap to 4294967295, less 1: 4294967039 = fffffeff, as ff + u32. 10 bytes.
write("two-volumes", seg(ID, 1024,
      bytes.fromhex(A) + bytes.fromhex(B)
      + bytes([0x00, 3, 7, 0xAC, 0x02])
      + bytes([0x24, 1, 0xFE, 0xFF, 0xFF, 0xFF, 0x0F, 2, 10])
      + bytes([0xFF, 0xFF, 0, 0, 0, 0xFF, 0xFF, 0xFE, 0xFF, 0xFF]), 2, pages(5, 1024)),
      [["run", "constant"], ["run", "byte-deltas"]],
      [[A, 7, 299, -1], [A, 7, 300, 0], [A, 9, 301, 2], [A, 10, 301, -1], [A, 6, 301, -1],
       [B, 4294967294, 254, -1], [B, 4294967294, 255, 3], [B, 4294967294, 4294967294, 3], [B, 4294967294, 4294967295, 4]])

# Elias-Fano offsets 10, 14, 1034 (first 10, span 1024 = varint 80 08): K = 3, 3 * 2^8 = 768 <= 1025 < 1536, so l = 8. Low
# bits 00 04 00; high parts 0, 0, 4 in 3 + 4 = 7 bits: bits 0, 1 and 6: 43.
# rLSNs: offset 10 at 0 and 2, offset 14 at 1, offset 1034 at 4. T = 5, keys 0, 2, 6, 14 of 15: N = 4, 4 * 2^1 = 8 <= 15 < 16,
# so l = 1. Low bits 0, 0, 0, 0: 00. High parts 0, 1, 3, 7 in 4 + 7 = 11 bits: bits 0, 2, 5, 10: 25 04.
# tag 2 | 3 << 2 | 3 << 4 = 3e; counts parameter N = 4; largest rLSN 4.
write("elias-fano", seg(ID, 512,
      bytes.fromhex(B) + bytes([0x3E, 3, 10, 0x80, 0x08, 4, 4, 0x00, 0x04, 0x00, 0x43, 0x00, 0x25, 0x04]), 1, pages(4)),
      [["elias-fano", "elias-fano"]],
      [[B, 10, 0, 0], [B, 10, 1, 0], [B, 10, 2, 1], [B, 10, 99, 1], [B, 14, 0, -1], [B, 14, 1, 2], [B, 1034, 3, -1],
       [B, 1034, 4, 3], [B, 1034, 4294967295, 3], [B, 11, 4, -1], [B, 1035, 4, -1], [B, 9, 4, -1]])
