import Testing

@testable import SRTP

@Suite("Packet indexes")
struct IndexWindowTests {
    @Test(
        "the index nearest to the highest (RFC 3711 appendix A)",
        arguments: [
            (0, 1, 1), (0, 65_535, nil), (10, 32_778, 32_778), (10, 32_779, nil), (40_000, 7_231, 72_767),
            (40_000, 7_232, 7_232), (65_535, 0, 65_536), (65_536, 65_535, 65_535), (65_546, 40_000, 40_000),
            (131_071, 5, 131_077),
        ] as [(UInt64, UInt16, UInt64?)])
    func nearest(_ highest: UInt64, _ sequenceNumber: UInt16, _ index: UInt64?) {
        var window = IndexWindow()
        window.insert(highest)
        #expect(window.nearest(to: sequenceNumber) == index)
    }

    @Test("128 indexes are remembered, older ones are not fresh")
    func window() {
        var window = IndexWindow()
        #expect(window.isFresh(0))
        window.insert(1_000)
        #expect(!window.isFresh(1_000))
        #expect(window.isFresh(873))
        #expect(!window.isFresh(872))
        window.insert(900)
        #expect(!window.isFresh(900))
        window.insert(1_027)
        #expect(!window.isFresh(900) && !window.isFresh(1_000) && window.isFresh(901))
        window.insert(5_000)
        #expect(window.isFresh(4_999) && !window.isFresh(1_027))
    }

    @Test("indexes end after 2^48 packets, and those of RTCP after 2^31")
    func exhaustion() throws {
        let stream = SRTPStream(ssrc: 1)
        stream.accept(SRTPStream.maximumIndex)
        #expect(throws: SRTPError.exhausted) { try stream.next(0) }
        stream.acceptControl(SRTPStream.maximumControlIndex)
        #expect(throws: SRTPError.exhausted) { try stream.nextControl() }
    }
}
