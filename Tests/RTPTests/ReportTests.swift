import RTP
import Testing

@Suite("RTCP: reports read and translated (RFC 3550 §6.4)")
struct ReportTests {
    private func words(_ words: UInt32...) -> [UInt8] {
        words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * $0)) } }
    }

    /// A report block about `source`.
    private func block(_ source: UInt32, lost: UInt32 = 0x40ff_fffe, highest: UInt32 = 70_000) -> [UInt8] {
        words(source, lost, highest, 160, 0x1234_5678, 65_536)
    }

    private func senderReport(_ blocks: [UInt8]...) -> [UInt8] {
        let length = UInt32(6 + 6 * blocks.count)
        return words(0x80c8_0000 | UInt32(blocks.count) << 24 | length, 7, 0xaaaa_1234, 0x5678_bbbb, 1, 2, 3)
            + blocks.flatMap { $0 }
    }

    private func receiverReport(_ blocks: [UInt8]...) -> [UInt8] {
        words(0x80c9_0000 | UInt32(blocks.count) << 24 | UInt32(1 + 6 * blocks.count), 8) + blocks.flatMap { $0 }
    }

    private func parts(_ packet: [UInt8]) -> [RTCPCompound.Packet] {
        var compound = RTCPCompound()
        var parts: [RTCPCompound.Packet] = []
        while let part = compound.next(in: packet.span, length: packet.count) { parts.append(part) }
        return parts
    }

    private func reportBlock(_ index: Int, _ part: RTCPCompound.Packet, _ packet: [UInt8]) -> ReportBlock? {
        ReportBlock(index, of: part, in: packet.span)
    }

    @Test("A compound packet is walked through, and each report read")
    func reads() throws {
        let packet = senderReport(block(1), block(2)) + words(0x81ca_0002, 7, 0x0103_6162) + receiverReport(block(3))
        let parts = parts(packet)
        #expect(parts.map(\.type) == [200, 202, 201])
        let report = SenderReport(parts[0], in: packet.span)
        #expect(report?.ssrc == 7 && report?.timestamp == 0x1234_5678)
        let none = [SenderReport(parts[2], in: packet.span)]
        #expect(none == [nil])
        let second = try #require(reportBlock(1, parts[0], packet))
        #expect(second.ssrc == 2 && second.fractionLost == 0x40 && second.lost == -2 && second.highest == 70_000)
        #expect(second.jitter == 160 && second.lastReport == 0x1234_5678 && second.delay == 65_536)
        #expect(reportBlock(2, parts[0], packet) == nil)
        #expect(reportBlock(0, parts[1], packet) == nil)
        #expect(reportBlock(0, parts[2], packet)?.ssrc == 3)
    }

    @Test("security 11: blocks that are promised and not there are not read; nor is what is behind a broken packet")
    func bounded() throws {
        var packet = receiverReport(block(1))
        packet[0] |= 31
        let part = try #require(parts(packet).first)
        #expect(reportBlock(0, part, packet) != nil)
        #expect((1..<31).allSatisfy { reportBlock($0, part, packet) == nil })
        #expect(parts(receiverReport() + [0x80, 201, 0, 9] + receiverReport()).count == 1)
        #expect(parts(Array(repeating: receiverReport(), count: 100).flatMap { $0 }).count == RTCPCompound.mostPackets)
        #expect(parts([]).isEmpty && parts([0x80, 200, 0, 0]).isEmpty && parts([0x80, 203, 0, 0, 1, 2, 3, 4]).isEmpty)
    }

    @Test("security 11: whatever octets come, reading and translating them ends, and within them")
    func hostile() {
        var state: UInt64 = 1
        func next() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        let types: [UInt8] = [200, 201, 202, 203, 205, 206, 207, 207]
        for round in 0..<20_000 {
            var packet = (0..<Int(next() % 120)).map { _ in next() }
            for place in stride(from: 0, to: packet.count - 3, by: 4) where next() % 3 == 0 {
                packet[place] = 0x80 | next() & 0x3f
                packet[place + 1] = types[round % types.count]
                packet[place + 2] = 0
                packet[place + 3] = next() % 12
            }
            let behind = [UInt8](repeating: 0xee, count: 16)
            let count = packet.count
            packet += behind
            do {
                var span = packet.mutableSpan
                ReportTranslation.apply(to: &span, length: count) {
                    AlteredStream(sent: $0, received: 1, offset: 2, since: 3)
                }
            }
            #expect(Array(packet[count...]) == behind)
        }
    }

    /// Source 1 left as 9, and 65,436 was added to its numbers when 65,536 was the next.
    private func translated(_ packet: [UInt8]) -> [UInt8] {
        var packet = packet
        let count = packet.count
        var span = packet.mutableSpan
        ReportTranslation.apply(to: &span, length: count) {
            $0 == 9 ? AlteredStream(sent: 9, received: 1, offset: 65_436, since: 65_536) : nil
        }
        return packet
    }

    @Test("Report blocks name the source and the numbers that its sender knows; those of others stay")
    func blocks() {
        #expect(
            translated(senderReport(block(2), block(9, highest: 65_540)))
                == senderReport(block(2), block(1, highest: 104)))
        #expect(translated(receiverReport(block(9, highest: 131_172))) == receiverReport(block(1, highest: 65_736)))
        // A report of before: the first of the new numbers.
        #expect(translated(receiverReport(block(9, highest: 65_000))) == receiverReport(block(1, highest: 100)))
    }

    @Test("So do NACKs, other feedback and extended reports")
    func feedback() {
        // Packet 3 of the second round and those of its mask.
        #expect(
            translated(words(0x81cd_0003, 8, 9, 0x0003_8001)) == words(0x81cd_0003, 8, 1, 0x0067_8001))
        #expect(translated(words(0x81cd_0003, 8, 2, 0x0003_8001)) == words(0x81cd_0003, 8, 2, 0x0003_8001))
        // PLI.
        #expect(translated(words(0x81ce_0002, 8, 9)) == words(0x81ce_0002, 8, 1))
        // Loss by run lengths from 0 to 5, and VoIP metrics; between them the time of a receiver.
        let times = words(0x0400_0002, 1, 2)
        let before = words(0x80cf_000e, 8, 0x0100_0003, 9, 0x0000_0005, 0x4000_0000) + times + words(0x0700_0005, 9)
        let after = words(0x80cf_000e, 8, 0x0100_0003, 1, 0x0064_0069, 0x4000_0000) + times + words(0x0700_0005, 1)
        let rest = words(1, 2, 3, 4)
        #expect(translated(before + rest) == after + rest)
    }
}
