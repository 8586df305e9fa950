import NetworkTypes
import SIP

/// The calls of one shard, by Call-ID and tags (RFC 3261 §12).
struct CallTable {
    private var byCallID: [[UInt8]: [Call]] = [:]
    private(set) var count = 0

    /// Gives back the memory of a time with many more calls.
    mutating func shrink() { byCallID.shrink() }

    /// How many calls have that Call-ID.
    func count(callID: ArraySlice<UInt8>) -> Int { byCallID[Array(callID)]?.count ?? 0 }

    /// All calls, in no order.
    var all: some Sequence<Call> { byCallID.values.lazy.joined() }

    /// A call with that Call-ID, whichever of its dialogs is meant.
    func first(callID: ArraySlice<UInt8>) -> Call? { byCallID[Array(callID)]?.first }

    mutating func add(_ call: Call) {
        byCallID[call.callID, default: []].append(call)
        count += 1
    }

    mutating func remove(_ call: Call) {
        guard var calls = byCallID[call.callID], let index = calls.firstIndex(where: { $0 === call }) else { return }
        calls.remove(at: index)
        byCallID[call.callID] = calls.isEmpty ? nil : calls
        count -= 1
    }

    /// The call that an in-dialog request from `side` belongs to, and whether its caller sent it. Tags that are right
    /// but belong to the party of the other side are none of it (security 25).
    func call(of request: Message, from side: Side) -> (call: Call, isFromCaller: Bool)? {
        guard let to = request.toTag,
            let calls = byCallID[Array(request.bytes[request.callID])]
        else { return nil }
        for call in calls {
            if let isFromCaller = call.isFromCaller(from: request.bytes[request.dialogFromTag], to: request.bytes[to]),
                isFromCaller == (side == call.origin)
            {
                return (call, isFromCaller)
            }
        }
        return nil
    }
}
