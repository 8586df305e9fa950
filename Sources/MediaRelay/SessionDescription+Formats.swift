import NetworkTypes
import RTP
import SDP

extension SessionDescription {
    /// What the payload types of a media description stand for, where RFC 3551 does not say the same.
    func formats(of media: MediaDescription) -> [PayloadFormat] {
        media.maps.compactMap { map in
            let codec = codec(map.encoding)
            // G.722 is clocked as if it had half its rate (RFC 3551 §4.5.2), and some write the true one.
            let rate = codec == .g722 ? 8_000 : map.clockRate
            if codec == Codec(staticPayloadType: map.payloadType), codec != .other { return nil }
            return PayloadFormat(payloadType: map.payloadType, codec: codec, clockRate: rate)
        }
    }

    private func codec(_ name: Range<Int>) -> Codec {
        Codec.allCases.first { bytes.equals(name, ignoringCase: $0.name) } ?? .other
    }
}

extension Array<UInt8> {
    fileprivate func equals(_ range: Range<Int>, ignoringCase text: String) -> Bool {
        range.count == text.utf8.count && self[range].elementsEqual(text.utf8) { $0.lowercased == $1.lowercased }
    }
}
