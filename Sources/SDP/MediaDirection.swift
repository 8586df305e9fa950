import NetworkTypes

/// Which way media flows, from the point of view of who says so (RFC 8866 §6.7).
public enum MediaDirection: UInt8, Hashable, Sendable {
    case sendrecv, sendonly, recvonly, inactive

    init?(_ bytes: [UInt8], _ name: Range<Int>) {
        guard name.count == 8 else { return nil }
        if bytes.equals(name, ignoringCase: "sendrecv") {
            self = .sendrecv
        } else if bytes.equals(name, ignoringCase: "sendonly") {
            self = .sendonly
        } else if bytes.equals(name, ignoringCase: "recvonly") {
            self = .recvonly
        } else if bytes.equals(name, ignoringCase: "inactive") {
            self = .inactive
        } else {
            return nil
        }
    }
}
