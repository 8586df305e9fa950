import NetworkTypes
import SDP

/// Writes a received body anew for the other end: our address, our ports, and none of the attributes that belong to the
/// leg it came from. All other lines leave as they came.
///
/// An `a=rtcp` of our own is never needed: our RTCP port is always the next one.
struct BodyRewriter {
    let address: IPAddress
    /// The port for each media description, 0 for those that are refused.
    let ports: [UInt16]

    func rewrite(_ description: SessionDescription) throws(MediaRefusal) -> [UInt8] {
        var writer = SDPWriter(description)
        for field in description.fields {
            switch field {
            case .origin(let range): writer.replace(range, with: address)
            case .connection(let data):
                let isHold = data.address == .unspecified
                writer.replace(data.range, with: isHold ? .unspecified(address.family) : address)
            case .media(let index): writer.replace(description.media[index].portRange, with: port(index))
            case .attribute(let attribute) where attribute.name == .rtcpFeedback: break
            case .attribute(let attribute): writer.remove(attribute.line)
            }
        }
        let body = writer.finish()
        guard body.count <= SessionDescription.maximumLength else { throw .tooLarge }
        return body
    }

    private func port(_ index: Int) -> UInt16 { ports.indices.contains(index) ? ports[index] : 0 }
}
