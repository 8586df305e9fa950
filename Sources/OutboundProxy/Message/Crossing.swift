import NetworkTypes
import SIP

/// How a request changes sides: what is hidden on the way out, and put back on the way in (design §3, §4).
struct Crossing {
    let settings: HidingSettings
    let hiding: TopologyHiding
    /// Whether the dialog began inside, as far as anybody knows.
    var beganInside: Bool
    /// The Call-ID that it leaves with, where that is another one.
    var callID: [UInt8]?
    /// The From and To values that it leaves with, where these are others.
    var from: [UInt8]?
    var to: [UInt8]?
    /// Whether P-Asserted-Identity stays behind.
    var removesIdentity = false

    /// Records the edits of everything but Via, Route, Record-Route and Contact.
    func apply(
        to message: Message, as listener: Listener, edits: inout MessageEdits,
        outerCallID: (ArraySlice<UInt8>) -> [UInt8]?
    ) {
        if let callID { edits.replace(message.callID, with: callID) }
        if let from, let field = message.header(.from) { edits.replace(field.value, with: from) }
        if let to, let field = message.header(.to) { edits.replace(field.value, with: to) }
        if removesIdentity { for field in message.all(.pAssertedIdentity) { edits.remove(field.line) } }
        guard listener.side == .outside, settings.isOn else { return }
        var settings = settings
        settings.keepsIdentity = !removesIdentity
        hiding.hideFields(of: message, as: listener, settings, edits: &edits, outerCallID: outerCallID)
    }
}
