import RTP
import Testing

@Suite("Feedback is taken out of compound RTCP")
struct FeedbackTests {
    private static let feedback: [UInt8] = [0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]
    private static let report: [UInt8] = [0x80, 201, 0, 1, 0, 0, 0, 1]
    /// Of RTCP's version, and of a type that is none of RTCP's: on a common port it would pass for RTP.
    private static let odd: [UInt8] = [0x80, 80, 0, 1, 0, 0, 0, 1]

    private func rest(_ packet: [UInt8]) -> [UInt8] {
        var octets = packet
        var span = octets.mutableSpan
        let length = RTCPFeedback.remove(from: &span, length: packet.count)
        return Array(octets[..<length])
    }

    @Test(
        "and what is left is RTCP, or nothing",
        arguments: [
            (report, report), (feedback, []), (report + feedback + report, report + report),
            (feedback + report, report), (feedback + odd, []), (report + odd + report, report),
            (feedback + [0x80, 201], []),
        ])
    func removed(packet: [UInt8], left: [UInt8]) {
        #expect(rest(packet) == left)
    }
}
